/** A toxic of one proxy: its identity and its settings, shared by the stages on all links. */
import type { Attributes, Direction, ToxicJson, ToxicType } from './attributes.ts';

export class Toxic {
  readonly name: string;
  readonly type: ToxicType;
  readonly stream: Direction;
  attributes: Attributes;
  /** Share of links it works on; drawn per link. */
  toxicity: number;

  constructor(json: ToxicJson) {
    this.name = json.name;
    this.type = json.type;
    this.stream = json.stream;
    this.attributes = json.attributes;
    this.toxicity = json.toxicity;
  }

  toJSON(): ToxicJson {
    const { attributes, name, type, stream, toxicity } = this;
    return { attributes, name, type, stream, toxicity };
  }
}
