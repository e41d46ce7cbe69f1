/** Which IMM the gateway talks to, and as whom. A program hands `createGateway` a client instead. */

import { names, region, text, toggle, type Section } from "./row.js";

export const upstream = {
  title: "IMM",
  gateway: {
    region: region({
      env: "IMM_REGION",
      flag: "imm-region",
      default: undefined,
      fallback: "the one that IMM_ENDPOINT names; with neither, the embedded emulator",
      effect: "the region of IMM, a part of every task's id; gives the public endpoint where IMM_ENDPOINT is not set",
    }),
    projects: names({
      env: "IMM_PROJECTS",
      flag: "imm-projects",
      default: undefined,
      fallback: "all that the account may read",
      effect: "the projects that clients may ask for; others are FORBIDDEN without a call",
    }),
  },
  command: {
    endpoint: text({
      env: "IMM_ENDPOINT",
      flag: "imm-endpoint",
      placeholder: "<url>",
      default: undefined,
      fallback: "that of the region",
      effect: "IMM's endpoint as a URL: a VPC host, a proxy, an emulator; http:// is allowed. Wins over the region",
    }),
    emulator: toggle({
      env: "IMM_EMULATOR",
      flag: "imm-emulator",
      default: undefined,
      fallback: "true without region and endpoint, unless NODE_ENV=production",
      effect: "serve the made-up data of the embedded emulator",
    }),
    accessKeyId: text({
      env: "ALIBABA_CLOUD_ACCESS_KEY_ID",
      isSecret: true,
      default: undefined,
      fallback: "the vendor's chain: OIDC role, profile file, ECS role, credentials URI",
      effect: "the AccessKey's id",
    }),
    accessKeySecret: text({
      env: "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
      isSecret: true,
      default: undefined,
      fallback: "as above",
      effect: "the AccessKey's secret",
    }),
    securityToken: text({
      env: "ALIBABA_CLOUD_SECURITY_TOKEN",
      isSecret: true,
      default: undefined,
      fallback: "none",
      effect: "the token of a temporary AccessKey",
    }),
  },
} satisfies Section;
