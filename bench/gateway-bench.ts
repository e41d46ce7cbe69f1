/** A gateway to be measured, with the emulator behind it and subscribers before it. */

import { startEmulator, type Emulator } from "../src/emulator/emulator.js";
import type { Issuer } from "./issuer.js";
import { MeasuredProcess } from "./measured-process.js";
import { Subscribers } from "./subscribers.js";

export class GatewayBench {
  readonly emulator: Emulator;
  readonly gateway: MeasuredProcess;
  readonly subscribers: Subscribers;

  private constructor(emulator: Emulator, gateway: MeasuredProcess, authorization: string | undefined) {
    this.emulator = emulator;
    this.gateway = gateway;
    this.subscribers = new Subscribers(gateway.url, authorization);
  }

  /** @param issuer - by whose tokens its subscribers say who they are. @default nobody is asked */
  static async start(issuer?: Issuer): Promise<GatewayBench> {
    const emulator = await startEmulator({ maxRequestsPerSecond: Infinity });
    const commandLine = issuer === undefined ? [emulator.url] : [issuer.keysUrl, emulator.url];
    const gateway = await MeasuredProcess.start("./gateway-process.js", ...commandLine);
    return new GatewayBench(emulator, gateway, issuer?.authorization);
  }

  async stop(): Promise<void> {
    await this.subscribers.dispose();
    this.gateway.stop();
    await this.emulator.close();
  }
}
