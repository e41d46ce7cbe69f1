/** Who may ask. What they may do is in a file of its own form: `access/access-config.ts`. */

import { text, toggle, type Section } from "./row.js";

export const access = {
  title: "Who may ask",
  gateway: {
    insecureNoAuth: toggle({
      default: false,
      effect:
        "let other machines ask although no caller is asked who it is: all that reach the gateway can read every task of its account, and start tasks. For a gateway behind something that authenticates",
    }),
  },
  command: {
    accessFile: text({
      placeholder: "<file>",
      default: undefined,
      fallback: "none: the gateway listens on this machine only",
      effect:
        "who may ask, and what they may do, in YAML or JSON; read again every 10 seconds. One that is wrong stops the start; later it is logged, and the old one stays",
    }),
  },
} satisfies Section;
