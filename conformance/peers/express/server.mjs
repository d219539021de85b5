// A minimal application on scimmy-routers: users and groups in memory, one bearer token. It does what
// the library's documentation asks of an application and nothing more, so that what is found is the
// library's. Usage: node server.mjs PORT TOKEN
import {randomUUID} from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const [port, token] = process.argv.slice(2);

const store = () => {
    const all = new Map();
    const known = id => {
        if (!all.has(id)) throw new SCIMMY.Types.Error(404, null, `There is no resource ${id}.`);
        return all.get(id);
    };
    return {
        // The library leaves filtering to the application, with a filter that can be applied.
        egress: resource => {
            if (resource.id) return known(resource.id);
            return resource.filter ? resource.filter.match([...all.values()]) : [...all.values()];
        },
        ingress: (resource, instance) => {
            const old = resource.id ? known(resource.id) : undefined;
            const name = one => (one.userName ?? one.displayName)?.toLowerCase();
            for (const other of all.values()) {
                if (other.id !== old?.id && name(other) === name(instance)) {
                    throw new SCIMMY.Types.Error(409, "uniqueness", `${name(instance)} is taken.`);
                }
            }
            const now = new Date();
            const {meta, ...attributes} = JSON.parse(JSON.stringify(instance));
            const id = old?.id ?? randomUUID();
            if (old) {
                const {id: _, meta: __, ...before} = old;
                const {id: ___, ...after} = attributes;
                if (JSON.stringify(before) === JSON.stringify(after)) return old;
            }
            const stored = {...attributes, id, meta: {created: old?.meta.created ?? now, lastModified: now}};
            all.set(id, stored);
            return stored;
        },
        degress: resource => {
            known(resource.id);
            all.delete(resource.id);
        },
    };
};

SCIMMY.Resources.declare(SCIMMY.Resources.User, store());
SCIMMY.Resources.declare(SCIMMY.Resources.Group, store());
SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser, false);

const app = express();
app.use("/scim", new SCIMMYRouters({
    type: "bearer",
    handler: request => {
        const [scheme, given] = (request.header("Authorization") ?? "").split(" ");
        if (scheme.toLowerCase() !== "bearer" || given !== token) throw new Error("The token is missing or wrong.");
        return "conformance";
    },
    baseUri: request => `${request.protocol}://${request.get("host")}`,
}));
app.listen(Number(port), "127.0.0.1", () => console.log("ready"));
