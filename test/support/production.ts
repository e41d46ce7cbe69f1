/**
 * Before each file of tests: what it loads runs as it does for users in production. Outside of it, graphql-js compares the names
 * of types as well, which is a tenth of the whole run. In `src/`, `cli.ts` alone reads the environment.
 */

process.env["NODE_ENV"] = "production";
