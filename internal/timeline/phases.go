package timeline

import "time"

// mark is a known end of a phase: the phase lasts from the previous mark to this one. The time is zero if it is not known.
type mark struct {
	kind Kind
	at   time.Time
}

// period is a run or an attempt while its phases are computed.
type period struct {
	// end is the end of the period, or the current time if it is open. state is its state.
	end   time.Time
	open  bool
	state State
}

// phases returns the phases from a time to the last known mark. If marks are missing at the end, the first missing phase lasts to
// the end of the period: the period has ended or still is in that phase. A mark that is missing before a known one belongs to the
// next phase.
func (p period) phases(from time.Time, marks []mark) (spans []Span, reached time.Time) {
	last := -1
	for i := range marks {
		if !marks[i].at.IsZero() {
			last = i
		}
	}
	for i, m := range marks {
		if i > last {
			return append(spans, p.rest(m.kind, from)...), p.end
		}
		if m.at.After(from) {
			spans = append(spans, Span{Kind: m.kind, Name: string(m.kind), Start: from, End: m.at, State: StateSucceeded})
			from = m.at
		}
	}
	return spans, from
}

// rest returns the phase from a time to the end of the period; none without a length.
func (p period) rest(kind Kind, from time.Time) []Span {
	if !p.end.After(from) {
		return nil
	}
	return []Span{{Kind: kind, Name: string(kind), Start: from, End: p.end, Open: p.open, State: p.state}}
}

// closing returns the phase from the end of the last step or task to the end of the period. It has failed only if all steps or
// tasks have succeeded and the run has not.
func (p period) closing(done []Span, reached time.Time) []Span {
	spans := p.rest(Results, reached)
	for i := range done {
		if s := done[i].State; len(spans) > 0 && !p.open && s != StateSucceeded && s != StateSkipped {
			spans[0].State = StateSucceeded
		}
	}
	return spans
}
