// Package ledger is what the steps of a chaos run write down about themselves, outside of the API: files in a folder of
// the node, one for each step of each pod. A line is on the disk before what it speaks of can be seen by anybody else.
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

// What happens to a step.
const (
	// Started: the step's program runs. A step that has it twice was started twice in one pod.
	Started = "started"
	// Took: the step was handed a value, whose size and digest it saw.
	Took = "took"
	// Writing: the step is about to write a result. What has this may be in a status.
	Writing = "writing"
	// Wrote: the result's file is complete. What has this has to be in the status of a run that succeeds.
	Wrote = "wrote"
	// Ended: the step is about to end with an exit code.
	Ended = "ended"
)

// Entry is one line of a ledger.
type Entry struct {
	// Event is one of the constants.
	Event string `json:"event"`
	// Time of the machine's clock.
	Time time.Time `json:"time"`
	// Name of the result, or of what was handed to the step.
	Name string `json:"name,omitempty"`
	// Size of the value in bytes, as JSON, and its Digest.
	Size   int    `json:"size,omitempty"`
	Digest string `json:"digest,omitempty"`
	// Exit is the exit code of a step that ends.
	Exit int `json:"exit,omitempty"`
	// Attempt is what a step that starts was told of how many attempts were before this one.
	Attempt int `json:"attempt,omitempty"`
}

// Of says that something happened to a value.
func Of(event, name string, value v1.Value) Entry {
	size, digest := Digest(value)
	return Entry{Event: event, Name: name, Size: size, Digest: digest}
}

// Digest returns the length of a value's JSON, and the SHA-256 of it, which tells its type, too.
func Digest(value v1.Value) (size int, digest string) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings, and lists and maps of them
	}
	sum := sha256.Sum256(text)
	return len(text), hex.EncodeToString(sum[:])
}

// Pen writes the ledger of one step.
type Pen struct{ file *os.File }

// Open begins the ledger of one step of one pod, or goes on with it. The folder must exist.
func Open(folder, pod, step string) (*Pen, error) {
	path := filepath.Join(folder, pod+separator+step)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot open ledger %q: %w", path, err)
	}
	return &Pen{file: file}, nil
}

// Write adds an entry with the time of now, and returns once it is on the disk.
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

// separator is between the pod's UID and the step's name in the name of a file.
const separator = "_"

// Pod is the ledger of one pod: the entries of each step that began, by its name.
type Pod map[string][]Entry

// Read returns the ledger of the pod with that UID; it is empty when none of its steps began. A line that was cut, since
// its step was killed while it wrote it, is as if it had not been written.
func Read(folder, pod string) (Pod, error) {
	paths, err := filepath.Glob(filepath.Join(folder, pod+separator+"*"))
	if err != nil {
		return nil, fmt.Errorf("cannot look for ledgers of pod %q: %w", pod, err)
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

// Count returns how many entries of a step have the event.
func (p Pod) Count(step, event string) int {
	n := 0
	for _, e := range p[step] {
		if e.Event == event {
			n++
		}
	}
	return n
}

// Last returns the last entry of a step with the event and, unless it is empty, the name.
func (p Pod) Last(step, event, name string) (Entry, bool) {
	for _, e := range slices.Backward(p[step]) {
		if e.Event == event && (name == "" || e.Name == name) {
			return e, true
		}
	}
	return Entry{}, false
}

// Results returns the last entry with the event for each result that any step of the pod has it for, by name.
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

// Span returns the times of the first and of the last entry of the pod; both are zero when there is none.
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
