package transport

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod"
)

// Choose returns the method for the results of a run: the annotation v1.AnnotationResultsFrom of the run, else that of its
// task, else the flag. The error names the annotation, its value, and the permitted values.
func (m Transports) Choose(run, task map[string]string, flags config.Flags) (config.ResultsFrom, error) {
	chosen := flags.ResultsFrom
	for _, from := range []struct {
		kind        string
		annotations map[string]string
	}{{v1.KindTaskRun, run}, {v1.KindTask, task}} {
		value, ok := from.annotations[v1.AnnotationResultsFrom]
		if !ok {
			continue
		}
		if err := m.check(from.kind, value, flags); err != nil {
			return "", err
		}
		chosen = config.ResultsFrom(value)
		break
	}
	return chosen, nil
}

// Needed returns the method for a pod of the task with the chosen method. A task without results, including results of steps and
// documents of artifacts, transports nothing, so its pod gets no additions. An exception is configured by users who prefer an
// earlier end of the pod to a small pod.
func Needed(chosen config.ResultsFrom, spec *v1.TaskSpec, flags config.Flags) config.ResultsFrom {
	if len(pod.ResultsOf(spec)) == 0 && !flags.FollowEveryTask {
		return config.TerminationMessage
	}
	return chosen
}

// check returns why the annotation cannot have this value.
func (m Transports) check(kind, value string, flags config.Flags) error {
	if _, ok := m[config.ResultsFrom(value)]; !ok {
		return fmt.Errorf("metadata.annotations[%s] of the %s: %q is not one of %s", v1.AnnotationResultsFrom, kind, value, quoted(m.Names()))
	}
	if !flags.ResultsFromPerRun && config.ResultsFrom(value) != flags.ResultsFrom {
		return fmt.Errorf("metadata.annotations[%s] of the %s: %q is not the results-from of the installation (%q), and its "+
			"administrator has set enable-results-from-annotation to \"false\" in ConfigMap feature-flags; remove the annotation",
			v1.AnnotationResultsFrom, kind, value, flags.ResultsFrom)
	}
	return nil
}

func quoted(names []config.ResultsFrom) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = strconv.Quote(string(name))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
