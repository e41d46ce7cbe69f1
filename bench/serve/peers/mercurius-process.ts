/** Mercurius; with its compiler of documents, graphql-jit, where the command line says `jit`. */

import fastify from "fastify";
import mercurius from "mercurius";
import { answerMeasurements } from "../../measured-process.js";
import { createContext, schema } from "./schema.js";

const app = fastify();
// 0: never compiles. 1: compiles a document when it has come once.
const jit = process.argv[2] === "jit" ? 1 : 0;
await app.register(mercurius, { schema, jit, context: () => ({ ...createContext() }) });
answerMeasurements(await app.listen({ port: 0, host: "127.0.0.1" }));
