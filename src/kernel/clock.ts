/** The only source of the present. Tests replace it; domain code receives instants as arguments. */
export class Clock {
  now(): Date {
    return new Date();
  }
}
