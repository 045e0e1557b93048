package termination

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// ProblemBytes is the maximum length of the message of a step whose results do not fit.
const ProblemBytes = 512

// The keys of internal entries.
const (
	keyStep       = "Step"
	keyStartedAt  = "StartedAt"
	keyFinishedAt = "FinishedAt"
	keyExitCode   = "ExitCode"
	keyReason     = "Reason"
	keyMessage    = "Message"
	keyProblem    = "Problem"
	keyRemoved    = "Removed"
)

// Message is the content of a step's termination message.
type Message struct {
	// Step is how the step ended. Its name may be omitted if there is little room, because the container of the message has
	// it.
	Step frame.Step
	// Results are those that this step wrote or changed. A message has no types of results: after parsing they are empty. The type
	// of a document of artifacts is results.TypeArtifacts.
	Results []frame.Result
	// Removed names the results of earlier steps whose files this step deleted.
	Removed []string
	// Problems are declared results that exist but cannot be transported. A run with a problem never succeeds.
	Problems []frame.Problem
}

// EncodeMessage returns m in at most budget bytes. If necessary it omits texts for users, and information that the
// container's status also has. Results that do not fit even then are never dropped silently: the message then has no result,
// and a problem of the kind frame.OverBudget. That problem names the largest result, with the required length of the message
// as size, and budget as limit. A result that is not UTF-8 also becomes a problem. If budget is less than such a message
// needs, the message has up to ProblemBytes: the kubelet truncates it, and readers refuse a truncated message.
func EncodeMessage(m Message, budget int) ([]byte, error) {
	m = refuseNonText(m).clipped()
	var over *OverBudgetError
	for _, form := range []Message{m, m.withoutTexts(), m.bare(), m.least()} {
		entries, err := form.entries()
		if err != nil {
			return nil, err
		}
		b, err := Encode(entries, budget)
		if err == nil {
			return b, nil
		}
		if !errors.As(err, &over) {
			return nil, err
		}
	}
	return m.overBudget(over)
}

// ParseMessage parses a message. It ignores unknown keys of internal entries, but not unknown types. The error wraps
// ErrMalformed.
func ParseMessage(message []byte) (Message, error) {
	entries, err := Parse(message)
	if err != nil {
		return Message{}, err
	}
	var m Message
	seen := map[Entry]bool{}
	for _, e := range entries {
		if err := add(&m, e); err != nil {
			return Message{}, fmt.Errorf("%w: entry %q: %w", ErrMalformed, e.Key, err)
		}
		id := Entry{Key: e.Key, Type: e.Type}
		if e.Type == TypeArtifacts {
			id.Type = TypeResult // a name is that of a result or of a document of artifacts
		}
		if e.Type == TypeInternal && (e.Key == keyProblem || e.Key == keyRemoved) {
			id.Value = e.Value // there may be several entries
		}
		if seen[id] {
			return Message{}, fmt.Errorf("%w: entry %q occurs twice", ErrMalformed, e.Key)
		}
		seen[id] = true
	}
	return m, nil
}

// Agrees reports whether m can be the message of a container with this exit code: the one of the record, or 0 for a step
// after whose failure the task continues. Otherwise another program wrote the message, or the entrypoint could not finish its
// work; then the container's status is reliable.
func (m Message) Agrees(exitCode int) bool {
	if m.Step.Reason == frame.ReasonContinued {
		return exitCode == 0
	}
	return m.Step.Reason != "" && exitCode == m.Step.ExitCode
}

// add adds one entry to m.
func add(m *Message, e Entry) error {
	switch e.Type {
	case TypeResult:
		return addResult(m, e, "")
	case TypeArtifacts:
		return addResult(m, e, results.TypeArtifacts)
	case TypeInternal:
		return set(m, e.Key, e.Value)
	}
	return fmt.Errorf("unknown type %d", e.Type)
}

func addResult(m *Message, e Entry, typ string) error {
	if err := results.ValidName(e.Key); err != nil {
		return err
	}
	value := []byte(e.Value)
	m.Results = append(m.Results, frame.Result{Name: e.Key, Type: typ, Value: value, SHA256: sha256.Sum256(value)})
	return nil
}

// entries returns the internal entries first, where users who read the message expect them.
func (m Message) entries() ([]Entry, error) {
	list := stepEntries(m.Step)
	for _, p := range m.Problems {
		e, err := problemEntry(p)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	for _, name := range m.Removed {
		list = append(list, internal(keyRemoved, name))
	}
	for _, r := range m.Results {
		entry := Entry{Key: r.Name, Value: string(r.Value), Type: TypeResult}
		if r.Type == results.TypeArtifacts {
			entry.Type = TypeArtifacts
		}
		list = append(list, entry)
	}
	return list, nil
}

// clipped returns m with texts for users of at most frame.MaxText bytes.
func (m Message) clipped() Message {
	m.Step.Message = frame.Clip(m.Step.Message)
	m.Problems = slices.Clone(m.Problems)
	for i := range m.Problems {
		m.Problems[i].Detail = frame.Clip(m.Problems[i].Detail)
	}
	return m
}

// withoutTexts returns m without explanations.
func (m Message) withoutTexts() Message {
	m.Step.Message = ""
	m.Problems = slices.Clone(m.Problems)
	for i := range m.Problems {
		m.Problems[i].Detail = ""
	}
	return m
}

// bare returns m also without what the container's status in the pod contains.
func (m Message) bare() Message {
	m = m.withoutTexts()
	m.Step.Name, m.Step.FinishedAt = "", time.Time{}
	return m
}

// least returns m also without the start time of the command: only how it ended remains.
func (m Message) least() Message {
	m = m.bare()
	m.Step.StartedAt = time.Time{}
	return m
}

// overBudget returns the message about results that do not fit: how the step ended, and one problem.
func (m Message) overBudget(over *OverBudgetError) ([]byte, error) {
	var problems []Entry
	p := frame.Problem{Result: over.Result, Kind: frame.OverBudget, Size: int64(over.Size), Limit: int64(over.Budget)}
	switch {
	case len(m.Problems) > 0:
		// An earlier problem is closer to the cause than the lack of room.
		p = m.withoutTexts().Problems[0]
	case over.Result == "" && len(m.Removed) > 0:
		p.Result = m.Removed[0]
	}
	if p.Result != "" {
		problem, err := problemEntry(p)
		if err != nil {
			return nil, err
		}
		problems = append(problems, problem)
	}
	least := append(stepEntries(m.least().Step), problems...)
	b, err := Encode(append(stepEntries(m.bare().Step), problems...), over.Budget)
	if _, still := errors.AsType[*OverBudgetError](err); still {
		b, err = Encode(least, max(over.Budget, ProblemBytes))
	}
	return b, err
}

// set stores an internal entry in m.
func set(m *Message, key, value string) (err error) {
	switch key {
	case keyStep:
		m.Step.Name = value
	case keyStartedAt:
		m.Step.StartedAt, err = time.Parse(time.RFC3339Nano, value)
		m.Step.StartedAt = m.Step.StartedAt.UTC()
	case keyFinishedAt:
		m.Step.FinishedAt, err = time.Parse(time.RFC3339Nano, value)
		m.Step.FinishedAt = m.Step.FinishedAt.UTC()
	case keyExitCode:
		m.Step.ExitCode, err = strconv.Atoi(value)
	case keyReason:
		m.Step.Reason = frame.Reason(value)
	case keyMessage:
		m.Step.Message = value
	case keyRemoved:
		err = results.ValidName(value)
		m.Removed = append(m.Removed, value)
	case keyProblem:
		var p frame.Problem
		if err = json.Unmarshal([]byte(value), &p); err == nil {
			err = frame.ValidProblem(p)
		}
		m.Problems = append(m.Problems, p)
	}
	return err
}

func stepEntries(s frame.Step) []Entry {
	list := make([]Entry, 0, 8)
	if s.Name != "" {
		list = append(list, internal(keyStep, s.Name))
	}
	if !s.StartedAt.IsZero() {
		list = append(list, internal(keyStartedAt, s.StartedAt.UTC().Format(time.RFC3339Nano)))
	}
	if !s.FinishedAt.IsZero() {
		list = append(list, internal(keyFinishedAt, s.FinishedAt.UTC().Format(time.RFC3339Nano)))
	}
	list = append(list, internal(keyExitCode, strconv.Itoa(s.ExitCode)), internal(keyReason, string(s.Reason)))
	if s.Message != "" {
		list = append(list, internal(keyMessage, s.Message))
	}
	return list
}

func problemEntry(p frame.Problem) (Entry, error) {
	b, err := marshal(p)
	return internal(keyProblem, string(b)), err
}

func internal(key, value string) Entry { return Entry{Key: key, Value: value, Type: TypeInternal} }

// refuseNonText converts results that JSON cannot represent unchanged into problems.
func refuseNonText(m Message) Message {
	var kept []frame.Result
	for _, r := range m.Results {
		if utf8.Valid(r.Value) {
			kept = append(kept, r)
			continue
		}
		m.Problems = append(slices.Clip(m.Problems),
			frame.Problem{Result: r.Name, Kind: frame.NotUTF8, Size: int64(len(r.Value))})
	}
	m.Results = kept
	return m
}
