package cloudevents

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
)

// maxDue is how many events a record can have. A sink that is unreachable while a run changes more often loses the oldest events
// between the start and the end, if the controller restarts in this time.
const maxDue = 16

// numbered is the event with a number of a run. The events of a run have the numbers 1, 2, 3 and so on.
type numbered struct {
	number int
	phase  Phase
}

// record is what a run says about its events. It is stored in the same write as the change that an event is about, so that an
// event that is due is never forgotten.
type record struct {
	// last is the number of the last event.
	last int
	// due are the events of which the run does not know that they have been sent, oldest first.
	due []numbered
	// stamp is that of a run that has ended: the mark says whether the events that are due here have been sent. Zero: the run has none,
	// and only a later record says so.
	stamp mark.Stamp
}

// parse reads a record: the last number and, for each event that is due, its number and phase, and a stamp if there is one, as in
// "4 3:running 4:successful @1764500003.16". A text that is no record, which no controller has written, is an empty one.
func parse(text string) record {
	words := strings.Fields(text)
	if len(words) == 0 {
		return record{}
	}
	var r record
	if s, ok := mark.ParseStamp(words[len(words)-1]); ok {
		r.stamp, words = s, words[:len(words)-1]
	}
	if len(words) == 0 {
		return record{}
	}
	var err error
	if r.last, err = strconv.Atoi(words[0]); err != nil || r.last < 0 || len(words) > maxDue+1 {
		return record{}
	}
	before := 0
	for _, word := range words[1:] {
		number, phase, _ := strings.Cut(word, ":")
		n, err := strconv.Atoi(number)
		if err != nil || n <= before || n > r.last || !Phase(phase).valid() {
			return record{}
		}
		r.due = append(r.due, numbered{n, Phase(phase)})
		before = n
	}
	if len(r.due) == 0 {
		r.stamp = mark.Stamp{}
	}
	return r
}

// String is the inverse of parse.
func (r record) String() string {
	if r.last == 0 {
		return ""
	}
	var text strings.Builder
	text.WriteString(strconv.Itoa(r.last))
	for _, d := range r.due {
		text.WriteString(" " + strconv.Itoa(d.number) + ":" + string(d.phase))
	}
	if len(r.due) > 0 && !r.stamp.IsZero() {
		text.WriteString(" " + r.stamp.String())
	}
	return text.String()
}

// has reports whether the event with a number is due.
func (r record) has(number int) bool {
	return slices.ContainsFunc(r.due, func(d numbered) bool { return d.number == number })
}

// without returns the record without events that are done.
func (r record) without(done []int) record {
	r.due = slices.DeleteFunc(slices.Clone(r.due), func(d numbered) bool { return slices.Contains(done, d.number) })
	return r
}

// with returns the record with events for further phases, and the numbers of these. If the record is full, the oldest events that are
// neither the first nor the last of a run make room.
func (r record) with(phases []Phase) (record, []numbered) {
	r.due = slices.Clone(r.due)
	var added []numbered
	for _, p := range phases {
		r.last++
		added = append(added, numbered{r.last, p})
	}
	r.due = append(r.due, added...)
	for len(r.due) > maxDue {
		i := slices.IndexFunc(r.due, func(d numbered) bool { return d.phase == Running || d.phase == Unknown })
		r.due = slices.Delete(r.due, max(i, 0), max(i, 0)+1)
	}
	return r, added
}
