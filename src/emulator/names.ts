/** The names that made-up data goes by; the command knows them without loading what serves it. */

/** The region of every emulator, which is none of IMM's: the ids of made-up tasks never mean real ones. */
export const EMULATOR_REGION = "emulator";

/** The project of the demo's tasks. */
export const DEMO_PROJECT = "immtest";
