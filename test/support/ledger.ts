type Sql = (text: string) => Promise<Record<string, unknown>[]>;

/** One line for each way in which the money of the bet maker would not be honest; empty when it is. */
const AUDIT = `
  select 'the entries sum to ' || sum(amount) as problem from bet_maker.entry having sum(amount) <> 0
  union all
  select 'wallet ' || owner_id || ' is not the sum of its entries'
  from bet_maker.wallet full join (
    select owner_id, coalesce(sum(amount) filter (where account = 'cash'), 0) as cash,
           coalesce(sum(amount) filter (where account = 'reserved'), 0) as reserved,
           coalesce(sum(amount) filter (where account = 'debt'), 0) as debt
    from bet_maker.entry group by owner_id) as entry using (owner_id)
  where (wallet.cash, wallet.reserved, -wallet.debt) is distinct from (coalesce(entry.cash, 0), coalesce(entry.reserved, 0), coalesce(entry.debt, 0))
  union all
  select 'wallet ' || owner_id || ' reserves other stakes than those of its open bets'
  from bet_maker.wallet left join (
    select owner_id, sum(stake) as stake from bet_maker.bet where settlement = 0 group by owner_id) as open using (owner_id)
  where wallet.reserved <> coalesce(open.stake, 0)
  union all
  select 'bet ' || bet_id || ' was reserved ' || count(transfer.id) || ' times'
  from bet_maker.bet left join bet_maker.transfer using (bet_id) group by bet_id
  having count(transfer.id) filter (where reason = 'reserve') <> 1
  union all
  select 'bet ' || bet_id || ' left the reserve more than once, or not at all'
  from bet_maker.bet left join bet_maker.transfer using (bet_id) where bet.settlement > 0 group by bet_id
  having count(transfer.id) filter (where reason in ('post', 'void')) <> 1
  union all
  select 'bet ' || bet_id || ' was not paid what it says'
  from bet_maker.bet left join bet_maker.transfer using (bet_id) where bet.settlement > 0 group by bet_id
  having bet.payout <> coalesce(sum(case when reason in ('payout', 'void') then amount when reason = 'reversal' then -amount end), 0)
  union all
  select 'event ' || event_id || ' counts other bets than it has'
  from bet_maker.exposure left join (
    select event_id, count(*) as bets, sum(stake) as staked from bet_maker.bet group by event_id) as bet using (event_id)
  where (exposure.bets, exposure.staked) is distinct from (coalesce(bet.bets, 0), coalesce(bet.staked, 0))`;

export async function ledgerProblems(sql: Sql): Promise<unknown[]> {
  return (await sql(AUDIT)).map((row) => row['problem']);
}
