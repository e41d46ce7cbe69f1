/** A gateway to be measured, with the emulator behind it and subscribers before it. */

import { startEmulator, type Emulator } from "../src/emulator/emulator.js";
import { MeasuredProcess } from "./measured-process.js";
import { Subscribers } from "./subscribers.js";

export class GatewayBench {
  readonly emulator: Emulator;
  readonly gateway: MeasuredProcess;
  readonly subscribers: Subscribers;

  private constructor(emulator: Emulator, gateway: MeasuredProcess) {
    this.emulator = emulator;
    this.gateway = gateway;
    this.subscribers = new Subscribers(gateway.url);
  }

  static async start(): Promise<GatewayBench> {
    const emulator = await startEmulator({ maxRequestsPerSecond: Infinity });
    return new GatewayBench(emulator, await MeasuredProcess.start("./gateway-process.js", emulator.url));
  }

  async stop(): Promise<void> {
    await this.subscribers.dispose();
    this.gateway.stop();
    await this.emulator.close();
  }
}
