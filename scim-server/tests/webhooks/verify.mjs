// Verifies webhook messages with a library that others wrote. One message a line: {"headers": {}, "body": "", "at": 0};
// "at" is when it came, in seconds since the epoch: messages of a long run are judged at its end.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, secrets] = [process.argv[2], JSON.parse(process.argv[3])];
const { Webhook, WebhookVerificationError } = createRequire(`${folder}/`)("standardwebhooks");

let count = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const { headers, body, at } = JSON.parse(line);
  Date.now = () => at * 1000;
  for (const secret of secrets) {
    const payload = new Webhook(secret).verify(body, headers);
    for (const name of ["type", "timestamp", "data"]) {
      if (!(name in payload)) throw new Error(`${name} is missing: ${body}`);
    }
  }
  try {
    new Webhook(secrets[0]).verify(`${body} `, headers);
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    count += 1;
    continue;
  }
  throw new Error("a changed body was verified");
}
console.log(count, "messages");
