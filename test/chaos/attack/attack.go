// Package attack says what the hostile tenant of a chaos run sends: objects that are too large, runs that forge their ends,
// cannot start, never end, print without end, leave pipes and links behind, fill their status, or have images in registries
// that do not answer. All of it follows from a seed and a number, as the runs of the other tenants do.
package attack

import (
	"fmt"
	"time"

	"github.com/sluice-ci/sluice/test/suites/e2e/content"
)

// Kinds of attacks.
const (
	// Oversized: an object of package hostile. It is refused, or admitted and then cancelled.
	Oversized = "oversized"
	// Forged: a step writes the files of its own end, and runs on.
	Forged = "forged-end"
	// Unstartable: the container of a step cannot be started.
	Unstartable = "unstartable"
	// Tarpit: the image of a step is in a registry that does not answer as registries do.
	Tarpit = "tarpit"
	// Talkative: a step prints more than the kubelet keeps.
	Talkative = "endless-log"
	// Leftover: a step leaves a pipe or a link where a result, or the output of the next step, goes.
	Leftover = "leftover"
	// Wide: a pipeline with a wide matrix whose pods no node takes.
	Wide = "wide"
	// Filling: a run whose results are about as large as its object may be.
	Filling = "filling"
)

// Kinds are all kinds of attacks.
func Kinds() []string {
	return []string{Oversized, Forged, Unstartable, Tarpit, Talkative, Leftover, Wide, Filling}
}

// Registries is how many hostile registries there are; an attack names one by its index.
const Registries = 4

// Attack is one object of the hostile tenant.
type Attack struct {
	// Seed and Number are those that it follows from.
	Seed   uint64
	Number int
	// Kind is one of the constants.
	Kind string
	// From is how results come back: kube.SidecarLogs or kube.TerminationMessage.
	From string
	// Steps of its task.
	Steps []Step
	// Results that its task declares.
	Results []string
	// Timeout of the run; 0 for the default, which is longer than the Deadline.
	Timeout time.Duration
	// Width is how many combinations its matrix has; 0 for a run that is no pipeline.
	Width int
	// Large is the index of the kind of an Oversized one in package hostile, and Size how much there is of it.
	Large int
	Size  float64
	// Registry is the index of that of a Tarpit.
	Registry int
	// Rest is how long the tenant waits afterwards.
	Rest time.Duration
}

// Step is a step of an attack.
type Step struct {
	// Deeds are what it does, in their order.
	Deeds []Deed
	// TooSmall says that its container has too little memory to start.
	TooSmall bool
	// Output is the path that its output goes to; empty for none.
	Output string
}

// What a step can do.
const (
	// DoForge writes the files of the end of the step with index N.
	DoForge = "forge"
	// DoWait waits for N milliseconds.
	DoWait = "wait"
	// DoWrite writes N bytes into the result Name: those of Value.
	DoWrite = "write"
	// DoPipe makes a pipe at the path of result Name, DoLink a link there to a file of the machine.
	DoPipe = "pipe"
	DoLink = "link"
	// DoPrint prints N bytes of lines.
	DoPrint = "print"
	// DoExit ends the step with exit code N.
	DoExit = "exit"
)

// Deed is one thing that a step does.
type Deed struct {
	// Do is one of the constants, N and Name what they say.
	Do   string
	N    int
	Name string
}

// String is the deed as an argument of the step's program.
func (d Deed) String() string { return fmt.Sprintf("%s:%d:%s", d.Do, d.N, d.Name) }

// Value is what a result of n bytes consists of.
func Value(n int) string { return content.Random(n) }

// Name of the object that the attack is sent as.
func (a *Attack) Name() string { return fmt.Sprintf("attack-%d-%s", a.Number, a.Kind) }

// Pipeline says whether it is a PipelineRun.
func (a *Attack) Pipeline() bool { return a.Width > 0 }

// MayGreen says whether the run may succeed: nothing that its steps do is wrong.
func (a *Attack) MayGreen() bool { return a.Kind == Talkative || a.Kind == Filling }

// Values are the results that a run must have that succeeds, by name: the number of their bytes.
func (a *Attack) Values() map[string]int {
	all := map[string]int{}
	for _, s := range a.Steps {
		for _, d := range s.Deeds {
			if d.Do == DoWrite {
				all[d.Name] = d.N
			}
		}
	}
	return all
}

// Poison are values that must be in no status, by the number of their bytes: those that a step writes behind its forged end.
func (a *Attack) Poison() map[int]bool {
	all := map[int]bool{}
	for _, s := range a.Steps {
		forged := false
		for _, d := range s.Deeds {
			forged = forged || d.Do == DoForge
			if forged && d.Do == DoWrite {
				all[d.N] = true
			}
		}
	}
	return all
}

const (
	// startTime is how long pods may take until their steps run on a busy machine, and what is judged to be so.
	startTime = time.Minute
	// outages is how long it may take longer because of what is broken meanwhile, and has not been mended yet.
	outages = 5 * time.Minute
	// Unlimited is the timeout of runs that something else has to end.
	Unlimited = time.Hour
)

// Deadline is how long after its creation the run has to have ended. It is far below Unlimited.
func (a *Attack) Deadline() time.Duration {
	long := outages + startTime + a.Timeout
	if a.Timeout == Unlimited {
		long = outages + startTime
	}
	for _, s := range a.Steps {
		for _, d := range s.Deeds {
			if d.Do == DoWait && d.N < forever {
				long += time.Duration(d.N) * time.Millisecond
			}
		}
	}
	return long
}
