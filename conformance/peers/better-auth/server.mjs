// A minimal application on @better-auth/scim: better-auth with its adapter in memory, and one connection with a
// bearer token. Usage: node server.mjs PORT TOKEN
import {createServer} from "node:http";
import {betterAuth} from "better-auth";
import {memoryAdapter} from "better-auth/adapters/memory";
import {toNodeHandler} from "better-auth/node";
import {scim} from "@better-auth/scim";
import {getAuthTables} from "better-auth/db";

const [port, token] = process.argv.slice(2);
const options = {
    baseURL: `http://127.0.0.1:${port}`,
    secret: "only-for-a-test-and-longer-than-32-letters",
    rateLimit: {enabled: false},
    plugins: [scim({connections: [{id: "peer", credentials: [{type: "bearer", id: "run", token}]}]})],
};
// The adapter in memory wants a list for each table.
const tables = Object.fromEntries(Object.values(getAuthTables(options)).map(table => [table.modelName, []]));
const auth = betterAuth({...options, database: memoryAdapter(tables)});
createServer(toNodeHandler(auth)).listen(Number(port), "127.0.0.1", () => console.log("ready"));
