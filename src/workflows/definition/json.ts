export type Json = string | number | boolean | null | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

export const isJsonObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Undefined, too, where the value is no object. */
export const memberOf = (value: Json, name: string): Json | undefined =>
  isJsonObject(value) ? value[name] : undefined;
