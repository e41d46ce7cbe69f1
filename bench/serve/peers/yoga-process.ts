/** GraphQL Yoga on Node's own server, as its documentation begins. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createYoga } from "graphql-yoga";
import { answerMeasurements } from "../../measured-process.js";
import { createContext, schema } from "./schema.js";

const yoga = createYoga({ schema, context: () => createContext() });
const server = createServer((request, response) => void yoga(request, response));
server.listen(0, "127.0.0.1");
await once(server, "listening");
answerMeasurements(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
