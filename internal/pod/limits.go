package pod

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results"
)

const (
	// maxArgument is the longest single argument or NAME=value of the environment, in bytes, that Linux takes:
	// MAX_ARG_STRLEN, 32 pages, less the byte that ends it.
	maxArgument = 32*4096 - 1
	// maxArguments is what arguments and environment may have together: Linux gives them a quarter of the stack's
	// limit, 2 MiB at the usual 8 MiB, less room for pointers and for what the image's environment adds.
	maxArguments = 2<<20 - 128<<10
)

// LimitError says that a step asks for more than can be handed to a process, or stored in a pod.
type LimitError struct {
	// Field is where in the task the text stands.
	Field string
	// Size is what it has, Limit what is possible, both in bytes.
	Size, Limit int
	// Hint says what to do.
	Hint string
}

// Error names the field, the size, the limit and the way out.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: %d bytes are more than the limit of %d; %s", e.Field, e.Size, e.Limit, e.Hint)
}

// FieldError says that a field of the task cannot be acted on. Like a LimitError it is an outcome of the run: trying
// again does not help.
type FieldError struct {
	// Field is the path of the field, and Value what stands there, shortened for people.
	Field, Value string
	// Problem says what is wrong with it, and what to do.
	Problem string
}

// Error names the field, the value and the problem.
func (e *FieldError) Error() string { return fmt.Sprintf("%s: %q: %s", e.Field, e.Value, e.Problem) }

// checkLimits finds what would fail later, with a message that nobody understands ("argument list too long").
func checkLimits(pod *corev1.Pod, spec *v1.TaskSpec) error {
	for i, step := range spec.Steps {
		if err := checkProcess(fmt.Sprintf("spec.steps[%d]", i), step.Command, step.Args, step.Env, pod.Spec.Containers[i].Args); err != nil {
			return err
		}
	}
	if size := pod.Size(); size >= results.ObjectLimit {
		return &LimitError{Field: "spec.steps", Size: size, Limit: results.ObjectLimit - 1,
			Hint: "a pod is one API object; hand large data on through a workspace"}
	}
	return nil
}

func checkProcess(field string, command, args []string, env []corev1.EnvVar, all []string) error {
	const useScript = "use the value in the step's script, which may be larger, or hand it on through a workspace"
	for _, list := range []struct {
		name   string
		values []string
	}{{"command", command}, {"args", args}} {
		for i, value := range list.values {
			if n := folded(value); n > maxArgument {
				return &LimitError{fmt.Sprintf("%s.%s[%d]", field, list.name, i), n, maxArgument, useScript}
			}
		}
	}
	total := 0
	for i, e := range env {
		n := len(e.Name) + 1 + folded(e.Value)
		if n > maxArgument {
			return &LimitError{fmt.Sprintf("%s.env[%d].value", field, i), n, maxArgument, useScript}
		}
		total += n + 1
	}
	for _, arg := range all {
		n := folded(arg)
		if n > maxArgument {
			// One that the entrypoint is told with: a path, or a reference. Those of the command have been looked at above.
			return &LimitError{field, n, maxArgument, "its paths and names are arguments of a process; use shorter ones"}
		}
		total += n + 1
	}
	if total > maxArguments {
		return &LimitError{
			field,
			total,
			maxArguments,
			"script, arguments and environment of a step count together; hand large data on through a workspace",
		}
	}
	return nil
}

// folded is the length of a value after Kubernetes has made each "$$" one "$".
func folded(s string) int { return len(s) - strings.Count(s, "$$") }
