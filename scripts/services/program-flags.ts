/**
 * How Node runs the program, here as in the image and in `npm start`. Young objects get room to die young; the old
 * generation is collected before it grows to what a large machine would allow.
 */
export const programFlags = [
  '--enable-source-maps',
  '--max-old-space-size=256',
  '--max-semi-space-size=24',
  '--heap-growing-percent=150',
];
