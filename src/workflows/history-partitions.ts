const DAY_MS = 86_400_000;

/** Holds what belongs to no day that there is a partition for. */
export const DEFAULT_PARTITION = 'history_default';

/** The smallest UUID v7 of an instant: ids begin with their milliseconds. */
export const firstIdOf = (at: Date): string => {
  const hex = at.getTime().toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
};

/** The day (UTC) of an instant and those that follow it, by the instants at which they begin. */
export const daysFrom = (at: Date, count: number): Date[] => {
  const first = Math.floor(at.getTime() / DAY_MS);
  return Array.from({ length: count }, (_, index) => new Date((first + index) * DAY_MS));
};

export const endOf = (day: Date): Date => new Date(day.getTime() + DAY_MS);

/** Of digits only, so that it can stand in a statement. */
export const partitionOf = (day: Date): string =>
  `history_${day.toISOString().slice(0, 10).replaceAll('-', '')}`;

/** The day of a partition's name; undefined for the one of all other days. */
export function dayOf(name: string): Date | undefined {
  const [, year, month, day] = /^history_(\d{4})(\d\d)(\d\d)$/.exec(name) ?? [];
  return year === undefined ? undefined : new Date(`${year}-${month ?? ''}-${day ?? ''}T00:00:00Z`);
}

/** Makes the partition of a day. */
export const partitionStatement = (day: Date): string =>
  `create table if not exists workflows.${partitionOf(day)} partition of workflows.history
     for values from ('${firstIdOf(day)}') to ('${firstIdOf(endOf(day))}')`;
