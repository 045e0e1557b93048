// Package mark says which events of finished runs have been sent: not run by run, but for all runs of a batch at once.
//
// The record of a finished run has a stamp: the controller that has ended the run, and a batch of runs. A ConfigMap of the installation
// has the mark: for each controller, the last batch up to which all events have been sent. So a finished run needs no write that records
// its last event. docs/design has the reasons.
package mark

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Name is the name of the ConfigMap with the mark, in the namespace of the installation. The manifests create it empty.
const Name = "sluice-events-sent"

// Keys of the ConfigMap.
const (
	keyEpoch = "epoch"
	keySince = "since"
	keySent  = "sent"
)

const (
	// maxEpochs is how many controllers a mark has. Each has one short word.
	maxEpochs = 100
	// patience is the age from which an event is not sent any more, if the mark that knew about it was deleted. It is the time after
	// which an event is given up anyway.
	patience = time.Hour
)

// Mark is what the ConfigMap says. It does not change. The zero value is a mark that was not read yet: it knows nothing.
type Mark struct {
	known bool
	// epoch is that of the last controller; 0 if there was none.
	epoch int64
	// since is the first epoch that the ConfigMap knows about. Runs with an earlier one were ended before it was created.
	since int64
	// sent has the last batch of each epoch up to which all events were sent, by epoch.
	sent []Stamp
}

// Missing returns the mark if there is no ConfigMap, or an empty one.
func Missing() Mark { return Mark{known: true, since: math.MaxInt64} }

// Parse reads the data of the ConfigMap. After an error the mark is that of an empty ConfigMap.
func Parse(data map[string]string) (Mark, error) {
	if data[keyEpoch] == "" {
		return Missing(), nil
	}
	m := Mark{known: true}
	for key, into := range map[string]*int64{keyEpoch: &m.epoch, keySince: &m.since} {
		n, err := strconv.ParseInt(data[key], 10, 64)
		if err != nil || n < 1 {
			return Missing(), fmt.Errorf("cannot read ConfigMap %q: %s is %q, not a positive number; only the controller changes it",
				Name, key, data[key])
		}
		*into = n
	}
	for word := range strings.FieldsSeq(data[keySent]) {
		s, ok := ParseStamp(sign + word)
		if !ok || len(m.sent) > 0 && m.sent[len(m.sent)-1].Epoch >= s.Epoch {
			return Missing(), fmt.Errorf("cannot read ConfigMap %q: %s has %q, not numbers EPOCH.BATCH by epoch; only the controller changes it",
				Name, keySent, word)
		}
		m.sent = append(m.sent, s)
	}
	return m, nil
}

// Data is the inverse of Parse.
func (m Mark) Data() map[string]string {
	if m.epoch == 0 {
		return nil
	}
	words := make([]string, len(m.sent))
	for i, s := range m.sent {
		words[i] = s.number()
	}
	return map[string]string{
		keyEpoch: strconv.FormatInt(m.epoch, 10), keySince: strconv.FormatInt(m.since, 10), keySent: strings.Join(words, " "),
	}
}

// Known reports whether the mark was read.
func (m Mark) Known() bool { return m.known }

// Epoch returns the epoch of the last controller; 0 if there was none.
func (m Mark) Epoch() int64 { return m.epoch }

// Next returns the mark with a new epoch, for a controller that begins now. The epoch is larger than each before. It is at least the time
// in seconds, so that it is also larger than those of a ConfigMap that was deleted, or restored from an earlier copy.
func (m Mark) Next(now time.Time) Mark {
	before := m.epoch
	m.known, m.epoch = true, max(m.epoch+1, now.Unix())
	if before == 0 {
		m.since = m.epoch
	}
	if more := len(m.sent) - maxEpochs; more > 0 {
		m.sent = slices.Clone(m.sent[more:])
		m.since = max(m.since, m.sent[0].Epoch)
	}
	return m
}

// With returns the mark with all batches up to a stamp, of its epoch, as sent.
func (m Mark) With(s Stamp) Mark {
	at, found := slices.BinarySearchFunc(m.sent, s, compareEpochs)
	m.sent = slices.Clone(m.sent)
	switch {
	case !found:
		m.sent = slices.Insert(m.sent, at, s)
	case m.sent[at].Batch < s.Batch:
		m.sent[at] = s
	}
	return m
}

// Sent reports whether all events of a run with a stamp need not be sent any more. The run ended at a time.
func (m Mark) Sent(s Stamp, ended, now time.Time) bool {
	if s.IsZero() {
		return false
	}
	if at, found := slices.BinarySearchFunc(m.sent, s, compareEpochs); found && s.Batch <= m.sent[at].Batch {
		return true
	}
	return m.Forgotten(s) && now.Sub(ended) > patience
}

// Forgotten reports whether a stamp is from before the ConfigMap, so that it does not say whether its events were sent.
func (m Mark) Forgotten(s Stamp) bool {
	_, found := slices.BinarySearchFunc(m.sent, s, compareEpochs)
	return !s.IsZero() && s.Epoch < m.since && !found
}

// Look reports whether events are due by the record of a run that ended at a time, and whether the run has a stamp: then the mark will
// say when they are sent, and the run does not change.
type Look func(record string, ended time.Time) (due, stamped bool)

// At returns the Look at a time. A record is the number of the last event, a word for each event of which the run does not know that it
// was sent, and the stamp.
func (m Mark) At(now time.Time) Look {
	return func(record string, ended time.Time) (due, stamped bool) {
		words := strings.Fields(record)
		if len(words) < 2 {
			return false, false
		}
		s, stamped := ParseStamp(words[len(words)-1])
		if !stamped {
			return true, false
		}
		return len(words) > 2 && !m.Sent(s, ended, now), true
	}
}

// Current is the last mark that was read. It is safe for concurrent use, and nil knows nothing.
type Current struct{ mark atomic.Pointer[Mark] }

// Load returns the mark.
func (c *Current) Load() Mark {
	if c == nil {
		return Mark{}
	}
	if m := c.mark.Load(); m != nil {
		return *m
	}
	return Mark{}
}

// Store replaces the mark.
func (c *Current) Store(m Mark) { c.mark.Store(&m) }
