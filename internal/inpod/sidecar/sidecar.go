// Package sidecar is the results sidecar. It waits for the steps of a pod to end, and writes how they ended and their results
// as a stream of package frame.
package sidecar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/inpod/securefile"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// emitter is one run of the sidecar.
type emitter struct {
	options Options
	out     *frame.Writer
	// ended reports by position whether a step's record was written.
	ended []bool
	left  int
	// forger is the first step with a forged record; empty if there is none.
	forger string
	// total is the total length of the written values in bytes.
	total int64
	// buf is reused for all values, so that memory is limited by the largest.
	buf securefile.Buffer
}

// Run writes a record for each step when it ends, then the results in their order, then the end record. When ctx is done it
// waits for the steps for at most o.Grace, and writes what exists. An error means that the stream could not be written.
// Problems of steps or results are in the stream.
func Run(ctx context.Context, out io.Writer, o Options) error {
	e := &emitter{options: o, out: frame.NewWriter(out, o.Nonce), ended: make([]bool, len(o.Steps)), left: len(o.Steps)}
	// The intro is written before any wait, so that a follower can identify the stream.
	if err := e.out.Flush(); err != nil {
		return fmt.Errorf("cannot write intro: %w", err)
	}
	interrupted, err := e.steps(ctx)
	if err != nil {
		return err
	}
	if err := e.results(); err != nil {
		return err
	}
	if err := e.signatures(); err != nil {
		return err
	}
	if err := e.out.End(interrupted); err != nil {
		return fmt.Errorf("cannot write end record: %w", err)
	}
	return nil
}

// steps writes the records of all steps, and reports whether it had to stop before all of them had ended.
func (e *emitter) steps(ctx context.Context) (interrupted bool, err error) {
	dirs := make([]string, len(e.options.Steps))
	for i := range dirs {
		dirs[i] = e.options.stepDir(i)
	}
	watch := rundir.Watch(dirs...)
	defer watch.Close()
	observers := make([]*rundir.Observer, len(dirs))
	for i, dir := range dirs {
		observers[i] = rundir.Observe(dir)
		defer observers[i].Close()
	}
	done, inGrace := ctx.Done(), false
	for {
		if err := e.look(observers); err != nil || e.left == 0 {
			return false, err
		}
		if watch.Wait(done) {
			continue
		}
		if inGrace {
			return true, e.unfinished(observers)
		}
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.options.Grace)
		defer cancel()
		done, inGrace = grace.Done(), true
	}
}

// look writes the records of the steps that have ended since the last call. Steps end in their order. If a step has ended
// after one that has not, the end of the latter was missed: look then starts again, once, so that the records are in order
// too.
func (e *emitter) look(observers []*rundir.Observer) error {
	outOfOrder, err := e.lookOnce(observers, true)
	if outOfOrder {
		_, err = e.lookOnce(observers, false)
	}
	return err
}

// lookOnce writes the records of the steps that have ended. With ordered it stops at an ended step after one that has not
// ended, and reports that.
func (e *emitter) lookOnce(observers []*rundir.Observer, ordered bool) (outOfOrder bool, err error) {
	waiting := false
	for i, name := range e.options.Steps {
		if e.ended[i] {
			continue
		}
		state, step := observers[i].Look()
		switch state {
		case rundir.Waiting:
			waiting = true
			continue
		case rundir.Ended:
		case rundir.Lost, rundir.Hidden:
			step.FinishedAt = time.Now()
		}
		if waiting && ordered {
			return true, nil
		}
		if err := e.step(name, step); err != nil {
			return false, err
		}
		e.ended[i] = true
		e.left--
	}
	return false, nil
}

// unfinished writes a record for each step that did not end in time.
func (e *emitter) unfinished(observers []*rundir.Observer) error {
	for i, name := range e.options.Steps {
		if e.ended[i] {
			continue
		}
		step := frame.Step{ExitCode: frame.UnfinishedExitCode, Reason: frame.ReasonUnfinished}
		if observers[i].Forged() {
			step = rundir.ForgedRecord(frame.UnfinishedExitCode)
		}
		if err := e.step(name, step); err != nil {
			return err
		}
	}
	return nil
}

// step writes the record of a step with the controller's name for it, whatever name the step wrote.
func (e *emitter) step(name string, step frame.Step) error {
	step.Name = name
	if step.Reason == frame.ReasonForged && e.forger == "" {
		e.forger = name
	}
	if err := e.out.Step(step); err != nil {
		return fmt.Errorf("cannot write record of step %q: %w", name, err)
	}
	return nil
}

// results writes a record for each declared result that exists, or existed.
func (e *emitter) results() error {
	left := e.leftBySteps()
	for _, r := range e.options.Results {
		root, _ := e.options.root(r) // it exists, because Options are valid
		value, err := Read(root, r, e.options.MaxSize, &e.buf)
		step, wasLeft := left[r.Name]
		switch {
		case err == nil && e.forger != "":
			err = problem(r.Name, frame.Withheld, 0, 0, fmt.Errorf("step %q forged the record of its end", e.forger))
		case err == nil:
			err = e.result(r.Name, r.Type, value)
		case errors.Is(err, ErrAbsent) && wasLeft:
			err = problem(r.Name, frame.Missing, 0, 0,
				fmt.Errorf("step %q wrote it, but there is no file at %q now: a later step deleted it, or it is in a directory that only steps see",
					step, r.Path))
		}
		var p *ProblemError
		switch {
		case errors.As(err, &p):
			if err := e.out.Problem(p.Problem); err != nil {
				return fmt.Errorf("cannot write problem of result %q: %w", r.Name, err)
			}
		case err != nil && !errors.Is(err, ErrAbsent):
			return fmt.Errorf("cannot write result %q: %w", r.Name, err)
		}
	}
	return nil
}

// leftBySteps returns the results that existed at the end of a step, each with the last such step.
func (e *emitter) leftBySteps() map[string]string {
	left := map[string]string{}
	for i, step := range e.options.Steps {
		for _, name := range rundir.Left(e.options.stepDir(i)) {
			left[name] = step
		}
	}
	return left
}

// result writes one value, if it is within the limit for all.
func (e *emitter) result(name, typ string, value []byte) error {
	size := int64(len(value))
	if e.total+size > e.options.MaxTotal {
		return &ProblemError{frame.Problem{
			Result: name, Kind: frame.TotalTooLarge, Size: e.total + size, Limit: e.options.MaxTotal,
			Detail: fmt.Sprintf("this result has %d bytes, those before it %d", size, e.total),
		}}
	}
	e.total += size
	return e.out.Result(frame.Result{Name: name, Type: typ, Value: value})
}
