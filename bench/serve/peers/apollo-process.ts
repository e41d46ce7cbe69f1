/** Apollo Server as its documentation begins. */

import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { answerMeasurements } from "../../measured-process.js";
import { createContext, schema, type Context } from "./schema.js";

const server = new ApolloServer<Context>({ schema });
const listen = { port: 0, host: "127.0.0.1" };
const { url } = await startStandaloneServer(server, { listen, context: async () => createContext() });
answerMeasurements(url);
