/** A length in a picture: pixels, or a ratio of the picture. On the wire both are one number. */

import { Field, Float, InputType, Int } from "type-graphql";

@InputType("ImmLengthInput", {
  description:
    "A length in a picture: either pixels or a ratio of the picture. A ratio of 1 is the whole width or height.",
})
export class LengthInput {
  @Field(() => Int, { nullable: true, description: "Pixels, at least 0. Example: 120." })
  readonly pixels?: number | null;

  @Field(() => Float, {
    nullable: true,
    description: "The part of the picture's width or height, above 0 and up to 1. Example: 0.25.",
  })
  readonly ratio?: number | null;
}

/** The input types of which exactly one field is given. TypeGraphQL has no word for it. */
export const ONE_OF_TYPES: readonly string[] = ["ImmLengthInput"];
