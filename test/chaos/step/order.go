package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/ledger"
	"github.com/sluice-ci/sluice/test/chaos/plan"
	"github.com/sluice-ci/sluice/test/suites/e2e/content"
)

const (
	// wrong is the exit code of a step that cannot do its work.
	wrong = 126
	// forever is how long a step hangs: longer than the maximum duration of a run.
	forever = time.Hour
)

// order is the work of one step.
type order struct {
	seed    uint64
	run     int
	task    string
	step    int
	attempt int
	copied  string
	script  string
	pod     string
	paths   map[string]string
	folder  string

	planned plan.Task
	pen     *ledger.Pen
}

// do does the work, and returns the exit code.
func (o *order) do() (code int, err error) {
	if o.folder == "" {
		o.folder = plan.Ledgers
	}
	if o.pen, err = ledger.Open(o.folder, o.pod, plan.StepName(o.step)); err != nil {
		return 0, err
	}
	if err := o.pen.Write(ledger.Entry{Event: ledger.Started, Attempt: o.attempt, Name: o.copied}); err != nil {
		return 0, err
	}
	run := plan.Make(o.seed, o.run)
	planned, _, ok := run.Task(o.task)
	if !ok || o.step < 0 || o.step >= len(planned.Steps) {
		return 0, fmt.Errorf("cannot find step %d of task %q in run %d", o.step, o.task, o.run)
	}
	o.planned = planned
	if err := o.take(); err != nil {
		return 0, err
	}
	if err := o.work(); err != nil {
		return 0, err
	}
	code = o.exit()
	return code, o.pen.Write(ledger.Entry{Event: ledger.Ended, Exit: code})
}

// fault returns the fault of this step in this attempt, or nil.
func (o *order) fault() *plan.Fault {
	if f := o.planned.Fault; f != nil && f.Step == o.step && o.attempt < f.Attempts {
		return f
	}
	return nil
}

// exit returns the planned exit code.
func (o *order) exit() int {
	if f := o.fault(); f != nil && f.Kind == plan.Exits {
		return f.Exit
	}
	return o.planned.Steps[o.step].Continue
}

// work writes the step's results and waits for its duration, in either order. A step that writes last and fails writes no
// results.
func (o *order) work() error {
	s, f := o.planned.Steps[o.step], o.fault()
	if !s.WritesLast {
		if err := o.write(f); err != nil {
			return err
		}
	}
	pause(s.Work)
	if f != nil && (f.Kind == plan.Hangs || f.Kind == plan.StepLate) {
		pause(forever)
	}
	if s.WritesLast && o.exit() == s.Continue {
		return o.write(f)
	}
	return nil
}

// pause waits, like the work of a real step.
func pause(d time.Duration) { <-time.After(d) }

// write writes the results of the step.
func (o *order) write(f *plan.Fault) error {
	if o.step == 0 {
		if err := o.text(plan.AttemptResult, fmt.Sprintf("%s/%d", o.pod, o.attempt)); err != nil {
			return err
		}
		if len(o.planned.Matrix) == 0 {
			if err := o.text(plan.AnswerResult, o.planned.Answer); err != nil {
				return err
			}
		}
	}
	if f != nil && f.Kind == plan.TooLarge {
		if err := o.text(plan.BigResult, content.Random(plan.BigSize)); err != nil {
			return err
		}
	}
	for _, r := range o.planned.Results {
		if r.Step == o.step {
			if err := o.result(r.Name, r.APIValue(), r.File()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *order) text(name, value string) error {
	return o.result(name, v1.StringValue(value), []byte(value))
}

// result writes one result, with a record in the ledger before and after it.
func (o *order) result(name string, value v1.Value, file []byte) error {
	path, ok := o.paths[name]
	if !ok {
		return fmt.Errorf("cannot write result %q: no path is given for it", name)
	}
	if err := o.pen.Write(ledger.Of(ledger.Writing, name, value)); err != nil {
		return err
	}
	if err := os.WriteFile(path, file, 0o644); err != nil {
		return fmt.Errorf("cannot write result %q: %w", name, err)
	}
	seen, err := readBack(path, value.Type)
	if err != nil {
		return fmt.Errorf("cannot read result %q: %w", name, err)
	}
	return o.pen.Write(ledger.Of(ledger.Wrote, name, seen))
}

// readBack reads the value from a result's file, so that the ledger records the actual content.
func readBack(path string, kind v1.ValueType) (v1.Value, error) {
	text, err := os.ReadFile(path)
	if err != nil || kind == v1.TypeString {
		return v1.StringValue(string(text)), err
	}
	var value v1.Value
	return value, json.Unmarshal(text, &value)
}

// take records the value that the step got.
func (o *order) take() error {
	if o.script == "" {
		return nil
	}
	text, err := os.ReadFile(o.script)
	if err != nil {
		return fmt.Errorf("cannot read the value for the step: %w", err)
	}
	_, rest, begun := strings.Cut(string(text), plan.TakenBefore)
	value, ended := strings.CutSuffix(strings.TrimSuffix(rest, "\n"), strings.TrimSuffix(plan.TakenAfter, "\n"))
	if !begun || !ended {
		return fmt.Errorf("cannot find the value for the step in its script of %d bytes", len(text))
	}
	name := ""
	if o.planned.Takes != nil {
		name = o.planned.Takes.Result.Name
	}
	return o.pen.Write(ledger.Of(ledger.Took, name, v1.StringValue(value)))
}
