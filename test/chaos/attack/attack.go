// Package attack generates the objects of the hostile tenant of a chaos run. Some objects are too large. Some runs forge
// their ends, cannot start, never end, or print without end. Others leave pipes and links behind, fill their status, or have
// images in registries that do not answer. Each attack follows from a seed and a number, like the runs of the other tenants.
package attack

import (
	"fmt"
	"time"

	"github.com/sluice-ci/sluice/test/suites/e2e/content"
)

// Kinds of attacks.
const (
	// Oversized: an object of package hostile. The API server refuses it, or admits it and the tenant cancels it.
	Oversized = "oversized"
	// Forged: a step writes the files that report its end, and keeps running.
	Forged = "forged-end"
	// Unstartable: the container of a step cannot be started.
	Unstartable = "unstartable"
	// Tarpit: the image of a step is in a registry that does not answer as registries do.
	Tarpit = "tarpit"
	// Talkative: a step prints more than the kubelet keeps.
	Talkative = "endless-log"
	// Leftover: a step leaves a pipe or a link at the path of a result, or of the output of the next step.
	Leftover = "leftover"
	// Wide: a pipeline with a wide matrix whose pods no node accepts.
	Wide = "wide"
	// Filling: a run whose results are about as large as its object may be.
	Filling = "filling"
)

// Kinds are all kinds of attacks.
func Kinds() []string {
	return []string{Oversized, Forged, Unstartable, Tarpit, Talkative, Leftover, Wide, Filling}
}

// Registries is the number of hostile registries. An attack names one by its index.
const Registries = 4

// Attack is one object of the hostile tenant.
type Attack struct {
	// Seed and Number determine the attack.
	Seed   uint64
	Number int
	// Kind is one of the constants.
	Kind string
	// From is the transport of results: kube.SidecarLogs or kube.TerminationMessage.
	From string
	// Steps of its task.
	Steps []Step
	// Results that its task declares.
	Results []string
	// Timeout of the run; 0 for the default, which is longer than the Deadline.
	Timeout time.Duration
	// Width is the number of combinations of its matrix; 0 for a run that is not a pipeline.
	Width int
	// Large is the index of the kind of an Oversized attack in package hostile, and Size its size.
	Large int
	Size  float64
	// Registry is the index of the registry of a Tarpit.
	Registry int
	// Rest is the pause of the tenant after the attack.
	Rest time.Duration
}

// Step is a step of an attack.
type Step struct {
	// Deeds are its actions, in order.
	Deeds []Deed
	// TooSmall means that its container has too little memory to start.
	TooSmall bool
	// Output is the path of its output; empty for none.
	Output string
}

// Actions of a step.
const (
	// DoForge writes the files of the end of the step with index N.
	DoForge = "forge"
	// DoWait waits for N milliseconds.
	DoWait = "wait"
	// DoWrite writes N bytes into the result Name: those of Value.
	DoWrite = "write"
	// DoPipe creates a pipe at the path of result Name. DoLink creates a link there to a file of the machine.
	DoPipe = "pipe"
	DoLink = "link"
	// DoPrint prints N bytes of lines.
	DoPrint = "print"
	// DoExit ends the step with exit code N.
	DoExit = "exit"
)

// Deed is one action of a step.
type Deed struct {
	// Do is one of the constants. N and Name are its arguments.
	Do   string
	N    int
	Name string
}

// String returns the deed as an argument of the step's program.
func (d Deed) String() string { return fmt.Sprintf("%s:%d:%s", d.Do, d.N, d.Name) }

// Value returns the content of a result of n bytes.
func Value(n int) string { return content.Random(n) }

// Name returns the name of the attack's object.
func (a *Attack) Name() string { return fmt.Sprintf("attack-%d-%s", a.Number, a.Kind) }

// Pipeline reports whether it is a PipelineRun.
func (a *Attack) Pipeline() bool { return a.Width > 0 }

// MayGreen reports whether the run may succeed, because none of its steps does anything wrong.
func (a *Attack) MayGreen() bool { return a.Kind == Talkative || a.Kind == Filling }

// Values returns the results that a successful run must have, by name, as the number of their bytes.
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

// Poison returns values that must not be in any status, by the number of their bytes: those that a step writes after its
// forged end.
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
	// startTime bounds the time until a pod's steps run on a busy machine, including the controller's decision.
	startTime = time.Minute
	// outages is the additional time for faults that are not repaired yet.
	outages = 5 * time.Minute
	// Unlimited is the timeout of runs that something else must end.
	Unlimited = time.Hour
)

// Deadline returns the time after its creation by which the run must have ended. It is far below Unlimited.
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
