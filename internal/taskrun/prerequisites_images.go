package taskrun

import (
	"errors"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/resolve/image"
)

const (
	// maxLookups is the maximum number of concurrent lookups of one run. It requests further ones after these have ended.
	maxLookups = 16
	// quietPeriod is how long a run waits for its first lookups before its status says so. Most end sooner, and a status that
	// would change immediately is not worth a write.
	quietPeriod = time.Second
	// lookupPeriod is the delay after which a run that waits for lookups is reconciled. Lookups also wake it.
	lookupPeriod = 30 * time.Second
)

// Lookup is what a run that waits for lookups needs to know of them.
type Lookup struct {
	// Pending is the number of lookups without an answer.
	Pending int
	// Fresh reports that the run has just requested all of them, so that they may end soon.
	Fresh bool
	// Full reports that some were not accepted, so that no event wakes the run.
	Full bool
}

// findCommands finds the commands of the images of steps and sidecars without a command. It waits for a registry that does
// not respond. If a registry refuses, the run ends.
func (r *Reconciler) findCommands(tr *v1.TaskRun, spec *v1.TaskSpec, pull image.Pull, needs *Prerequisites) {
	owner := image.Owner{NamespacedName: keyOf(tr), UID: tr.UID}
	needs.Commands = pod.ImageCommands{Steps: map[int]pod.ImageCommand{}, Sidecars: map[int]pod.ImageCommand{}}
	needs.Lookup.Fresh = true
	for i := range spec.Steps {
		s := &spec.Steps[i]
		if s.Script != "" || len(s.Command) > 0 {
			continue
		}
		pull.Step = field.NewPath("spec", "steps").Index(i).String()
		if found, err := r.Images.Entrypoint(owner, s.Image, pull); err == nil {
			needs.Commands.Steps[i] = commandOf(found, s.Args)
		} else if needs.note(err); !needs.asksOn() {
			return
		}
	}
	for i := range spec.Sidecars {
		s := &spec.Sidecars[i]
		if s.Script != "" || len(s.Command) > 0 {
			continue
		}
		pull.Step = field.NewPath("spec", "sidecars").Index(i).String()
		// With a known command, a sidecar that ends early is not restarted. Without it, the sidecar runs unchanged.
		found, err := r.Images.Entrypoint(owner, s.Image, pull)
		if err == nil {
			needs.Commands.Sidecars[i] = commandOf(found, s.Args)
		} else if untried(err) {
			if needs.note(err); !needs.asksOn() {
				return
			}
		}
	}
}

// untried reports whether a lookup has had no try yet, and will have one.
func untried(err error) bool {
	var wait *image.WaitError
	return errors.As(err, &wait) && !wait.Tried && !wait.Full
}

// asksOn reports whether further lookups are useful.
func (n *Prerequisites) asksOn() bool {
	return n.Blocked == nil && n.Lookup.Pending < maxLookups && !n.Lookup.Full
}

// note records why a lookup has no answer. The run's condition says why the first failed one did so, and otherwise what the
// first one waits for.
func (n *Prerequisites) note(err error) {
	var wait *image.WaitError
	if !errors.As(err, &wait) {
		n.Blocked = failed(v1.TaskRunReasonImagePullFailed, err.Error())
		return
	}
	n.Lookup.Pending++
	n.Lookup.Fresh = n.Lookup.Fresh && wait.New
	n.Lookup.Full = n.Lookup.Full || wait.Full
	reason := v1.TaskRunReasonPending
	if wait.Tried {
		reason = v1.TaskRunReasonPullImageFailed
	}
	if n.Waiting == nil || wait.Tried && n.Waiting.Reason == v1.TaskRunReasonPending {
		n.Waiting = &WaitReason{reason, "the pod cannot be made yet: " + err.Error()}
	}
}

// quiet reports whether a run waits only for lookups that may end soon.
func (n *Prerequisites) quiet() bool {
	return n.Blocked == nil && n.Lookup.Pending > 0 && n.Lookup.Fresh
}

// commandOf returns the command of a container with optional args and no command. Words of the image are literal: Kubernetes
// must expand no variables in them.
func commandOf(found image.Entrypoint, args []string) pod.ImageCommand {
	command, arguments := found.Command(args)
	if len(args) == 0 {
		arguments = literals(arguments)
	}
	return pod.ImageCommand{Image: found.Image, Command: literals(command), Args: arguments}
}

// literals returns the words of an image's command for a container, without variables for Kubernetes.
func literals(words []string) []string {
	out := slices.Clone(words)
	for i, word := range out {
		out[i] = strings.ReplaceAll(word, "$", "$$")
	}
	return out
}
