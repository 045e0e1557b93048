package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
	soak "github.com/sluice-ci/sluice/test/load/soak/plan"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

const (
	// stream separates the random numbers of runs from those of disturbances, which have the same seed.
	stream = 0xca05
	// lookups separates the random numbers for steps without a command from all others, which existed before.
	lookups = 0x100c
	// perRun is the number of tasks of a run that have their own contents.
	perRun = 16
	// Maximum numbers of bytes of the results of one task: of most tasks, of tasks of pipelines, and of tasks whose results
	// use the termination message, which holds 4096 bytes including its format.
	ordinary, inPipeline, inMessage = 300000, 150000, 900
	// passable is the maximum size in bytes of a result that is also a result of the pipeline.
	passable = 50000
	maxTasks = 5
)

// drawer generates one run.
type drawer struct {
	*rand.Rand
	run Run
}

// Make returns the run with the given number and seed. The same arguments always give the same run.
func Make(seed uint64, number int) Run {
	d := drawer{Rand: rand.New(rand.NewPCG(seed^stream, uint64(number)))}
	d.run = Run{Seed: seed, Number: number, From: kube.SidecarLogs, Pipeline: d.one(2, 5)}
	if d.one(1, 4) {
		d.run.From = kube.TerminationMessage
	}
	if d.run.Pipeline {
		d.pipeline()
	} else {
		d.single()
	}
	d.looked()
	return d.run
}

// looked removes the command of some steps.
func (d *drawer) looked() {
	chance := rand.New(rand.NewPCG(d.run.Seed^lookups, uint64(d.run.Number)))
	for _, tasks := range [][]Task{d.run.Tasks, d.run.Finally} {
		for i := range tasks {
			for k := range tasks[i].Steps {
				takes := k == 0 && tasks[i].Takes != nil // a script is a command
				tasks[i].Steps[k].Looked = !takes && chance.IntN(4) == 0
			}
		}
	}
}

// one is true with a probability of n/m.
func (d *drawer) one(n, m int) bool { return d.IntN(m) < n }

// between returns a random duration of whole milliseconds.
func (d *drawer) between(least, most time.Duration) time.Duration {
	return (least + time.Duration(d.Int64N(int64(most-least)))).Truncate(time.Millisecond)
}

// largest generates the maximum number of bytes of a task's results.
func (d *drawer) largest() int {
	switch {
	case d.run.From == kube.TerminationMessage:
		return inMessage
	case d.run.Pipeline:
		return inPipeline
	case d.one(1, 5):
		return soak.Largest
	default:
		return ordinary
	}
}

// task generates a task without a fault. index makes its contents differ from those of other tasks.
func (d *drawer) task(name string, index int) Task {
	contents := soak.MakeWithin(d.run.Seed, d.run.Number*perRun+index, d.largest())
	t := Task{Name: name, Results: contents.Results, Answer: []string{"yes", "no"}[d.IntN(2)]}
	t.Steps = make([]Step, contents.Steps)
	if d.one(1, 4) {
		t.Steps = append(t.Steps, Step{})
	}
	for i := range t.Steps {
		s := &t.Steps[i]
		s.Work, s.WritesLast = d.between(0, 1500*time.Millisecond), d.one(1, 2)
		if d.one(1, 6) {
			s.Work = d.between(2*time.Second, 8*time.Second)
		}
		if d.one(1, 12) {
			s.Continue = 1 + d.IntN(100)
		}
	}
	return t
}

// single generates a TaskRun.
func (d *drawer) single() {
	t := d.task("only", 0)
	switch chance := d.IntN(20); {
	case chance < 8: // no fault
	case chance < 10:
		d.fails(&t, Always)
	case chance < 12:
		d.flaky(&t)
	case chance < 13:
		t.Retries = 1
		d.fails(&t, Always)
	case chance < 14:
		d.stepLate(&t)
	case chance < 16:
		d.late(&t)
	case chance < 17 && d.run.From == kube.TerminationMessage:
		t.Fault = &Fault{Kind: TooLarge, Step: 0, Attempts: Always}
	default:
		d.run.Cancel = &Cancel{After: d.between(0, 10*time.Second), Status: string(v1.TaskRunSpecStatusCancelled)}
		if d.one(1, 2) {
			d.hangs(&t)
		}
	}
	d.run.Tasks = []Task{t}
}

// fails makes a step of the first attempts end with an exit code.
func (d *drawer) fails(t *Task, attempts int) {
	t.Fault = &Fault{Kind: Exits, Step: d.IntN(len(t.Steps)), Exit: 1 + d.IntN(125), Attempts: attempts}
	t.Steps[t.Fault.Step].Continue = 0
}

// flaky makes the first attempts fail, and a later one succeed.
func (d *drawer) flaky(t *Task) {
	t.Retries = 1 + d.IntN(3)
	d.fails(t, 1+d.IntN(t.Retries))
}

func (d *drawer) stepLate(t *Task) {
	d.hangs(t)
	t.Fault.Kind = StepLate
	t.Steps[t.Fault.Step].Timeout = d.between(time.Second, 4*time.Second)
}

func (d *drawer) late(t *Task) {
	d.hangs(t)
	t.Timeout, t.Retries = d.between(3*time.Second, 12*time.Second), d.IntN(2)
}

func (d *drawer) hangs(t *Task) {
	t.Fault = &Fault{Kind: Hangs, Step: d.IntN(len(t.Steps)), Attempts: Always}
	t.Steps[t.Fault.Step].Continue = 0
}

// pipeline generates a PipelineRun.
func (d *drawer) pipeline() {
	for i := range 2 + d.IntN(maxTasks-1) {
		t := d.task(fmt.Sprintf("t%d", i), i)
		if i > 0 {
			d.relate(&t)
		}
		d.run.Tasks = append(d.run.Tasks, t)
	}
	for i := range d.IntN(3) {
		d.run.Finally = append(d.run.Finally, d.task(fmt.Sprintf("f%d", i), maxTasks+i))
	}
	for _, r := range d.run.Tasks[0].Results {
		if r.Size() > 0 && r.Size() <= passable {
			d.run.Passed = append(d.run.Passed, r)
		}
	}
	d.trouble()
}

// relate makes a task depend on tasks that were generated before it.
func (d *drawer) relate(t *Task) {
	before := d.run.Tasks
	other := &before[d.IntN(len(before))]
	switch d.IntN(6) {
	case 0: // it starts with the first tasks
	case 1:
		t.After = []string{other.Name}
	case 2:
		if len(other.Matrix) == 0 {
			t.When = &Condition{Task: other.Name, Answer: []string{"yes", "no"}[d.IntN(2)]}
		}
	case 3:
		t.Matrix, t.Results = []string{"a", "b", "c"}[:2+d.IntN(2)], nil
	default:
		if i := slices.IndexFunc(other.Results, func(r soak.Result) bool { return r.Type == soak.String && r.Size() > 0 }); i >= 0 {
			t.Takes = &Reference{Task: other.Name, Result: other.Results[i]}
		}
	}
}

// trouble generates the faults of a pipeline, in more than a third of all cases.
func (d *drawer) trouble() {
	r := &d.run
	t := &r.Tasks[d.IntN(len(r.Tasks))]
	switch d.IntN(16) {
	case 0:
		d.fails(t, Always)
	case 1:
		d.flaky(t)
	case 2:
		d.late(t)
	case 3:
		if !r.needed(t.Name) {
			d.fails(t, Always)
			t.Ignored = true
		}
	case 4:
		r.Timeout = d.between(6*time.Second, 15*time.Second)
		d.hangs(t)
	case 5:
		r.TasksTimeout = d.between(6*time.Second, 15*time.Second)
		d.hangs(t)
	case 6, 7, 8:
		statuses := []v1.PipelineRunSpecStatus{
			v1.PipelineRunSpecStatusCancelled, v1.PipelineRunSpecStatusCancelledRunFinally, v1.PipelineRunSpecStatusStoppedRunFinally,
		}
		status := statuses[d.IntN(len(statuses))]
		r.Cancel = &Cancel{After: d.between(0, 15*time.Second), Status: string(status)}
		if d.one(1, 2) && status != v1.PipelineRunSpecStatusStoppedRunFinally { // StoppedRunFinally waits for running tasks
			d.hangs(t)
		}
	}
}

// needed reports whether another task, or the pipeline, uses results of the task.
func (r *Run) needed(name string) bool {
	return name == r.Tasks[0].Name || slices.ContainsFunc(r.Tasks, func(t Task) bool {
		return t.Takes != nil && t.Takes.Task == name || t.When != nil && t.When.Task == name
	})
}
