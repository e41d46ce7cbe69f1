/** The Node interface of the Relay object identification specification. */

import { Field, ID, InterfaceType } from "type-graphql";

@InterfaceType({ description: "An object that can be fetched again by its global id." })
export abstract class Node {
  @Field(() => ID, {
    description: "Opaque global id: the same on every instance of the gateway, and for as long as the object exists.",
  })
  abstract readonly id: string;
}
