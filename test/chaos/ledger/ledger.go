// Package ledger holds the records that the steps of a chaos run write about themselves, outside of the API: files in a
// folder of the node, one for each step of each pod. A record is on the disk before its event is visible to any other
// process.
package ledger

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Events of a step.
const (
	// Started: the step's program runs. Two such records mean that the step was started twice in one pod.
	Started = "started"
	// Took: the step got a value, with the size and digest that it read.
	Took = "took"
	// Writing: the step is about to write a result. Such a result may be in a status.
	Writing = "writing"
	// Wrote: the result's file is complete. Such a result must be in the status of a run that succeeds.
	Wrote = "wrote"
	// Ended: the step is about to end with an exit code.
	Ended = "ended"
)

// Entry is one record of a ledger.
type Entry struct {
	// Event is one of the constants.
	Event string `json:"event"`
	// Time of the machine's clock.
	Time time.Time `json:"time"`
	// Name of the result, or of the value that the step got.
	Name string `json:"name,omitempty"`
	// Size of the value in bytes, as JSON, and its Digest.
	Size   int    `json:"size,omitempty"`
	Digest string `json:"digest,omitempty"`
	// Exit is the exit code of a step that ends.
	Exit int `json:"exit,omitempty"`
	// Attempt is the number of earlier attempts that a starting step got.
	Attempt int `json:"attempt,omitempty"`
}

// Of records that an event happened to a value.
func Of(event, name string, value v1.Value) Entry {
	size, digest := Digest(value)
	return Entry{Event: event, Name: name, Size: size, Digest: digest}
}

// Digest returns the length of a value's JSON, and its SHA-256, which depends on the type, too.
func Digest(value v1.Value) (size int, digest string) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings, and lists and maps of them, always encode
	}
	sum := sha256.Sum256(text)
	return len(text), hex.EncodeToString(sum[:])
}

// Pen writes the ledger of one step.
type Pen struct{ file *os.File }

// Open creates the ledger of one step of one pod, or continues it. The folder must exist.
func Open(folder, pod, step string) (*Pen, error) {
	path := filepath.Join(folder, pod+separator+step)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot open ledger %q: %w", path, err)
	}
	return &Pen{file: file}, nil
}

// Write adds an entry with the current time, and returns when it is on the disk.
func (p *Pen) Write(e Entry) error {
	e.Time = time.Now().UTC()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := p.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("cannot write ledger %q: %w", p.file.Name(), err)
	}
	if err := p.file.Sync(); err != nil {
		return fmt.Errorf("cannot write ledger %q to the disk: %w", p.file.Name(), err)
	}
	return nil
}

// separator separates the pod's UID and the step's name in the name of a file.
const separator = "_"

// Pod is the ledger of one pod: the entries of each step that started, by its name.
type Pod map[string][]Entry

// Read returns the ledger of the pod with that UID. It is empty if no step started. An incomplete last line, of a step that
// was killed while it wrote, is ignored.
func Read(folder, pod string) (Pod, error) {
	paths, err := filepath.Glob(filepath.Join(folder, pod+separator+"*"))
	if err != nil {
		return nil, fmt.Errorf("cannot list ledgers of pod %q: %w", pod, err)
	}
	all := Pod{}
	for _, path := range paths {
		_, step, _ := strings.Cut(filepath.Base(path), separator)
		if all[step], err = read(path); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Forget removes the ledger of a pod.
func Forget(folder, pod string) error {
	paths, err := filepath.Glob(filepath.Join(folder, pod+separator+"*"))
	for _, path := range paths {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

func read(path string) ([]Entry, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("cannot read ledger: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	var all []Entry
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return all, nil
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("cannot read line %d of ledger %q: %w", len(all)+1, path, err)
		}
		all = append(all, e)
	}
}

// Count returns the number of entries of a step with the event.
func (p Pod) Count(step, event string) int {
	n := 0
	for _, e := range p[step] {
		if e.Event == event {
			n++
		}
	}
	return n
}

// Last returns the last entry of a step with the event and, unless name is empty, with the name.
func (p Pod) Last(step, event, name string) (Entry, bool) {
	for _, e := range slices.Backward(p[step]) {
		if e.Event == event && (name == "" || e.Name == name) {
			return e, true
		}
	}
	return Entry{}, false
}

// Results returns, for each result that has the event in any step of the pod, the last such entry, by name.
func (p Pod) Results(event string) map[string]Entry {
	all := map[string]Entry{}
	for _, entries := range p {
		for _, e := range entries {
			if e.Event == event && !e.Time.Before(all[e.Name].Time) {
				all[e.Name] = e
			}
		}
	}
	return all
}

// Span returns the times of the first and the last entry of the pod, or zero times if there is none.
func (p Pod) Span() (first, last time.Time) {
	for _, entries := range p {
		for _, e := range entries {
			if first.IsZero() || e.Time.Before(first) {
				first = e.Time
			}
			if e.Time.After(last) {
				last = e.Time
			}
		}
	}
	return first, last
}
