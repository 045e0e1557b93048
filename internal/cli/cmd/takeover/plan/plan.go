package plan

import (
	"fmt"
	"slices"
	"strings"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/conflict"
	"github.com/sluice-ci/sluice/internal/convert"
)

// Plan is what was read of a cluster, and what the move does with it.
type Plan struct {
	Facts

	// Steps are the steps of the move, in order.
	Steps []Step `json:"steps"`
	// Blockers are what cannot move yet.
	Blockers []string `json:"blockers"`
	// Deletions are removals that would delete objects.
	Deletions []string `json:"deletions"`
}

// Step is one step of the move.
type Step struct {
	// Title says what to do.
	Title string `json:"title"`
	// Commands do it; there may be none.
	Commands []string `json:"commands,omitempty"`
	// Effect says what the step changes in this cluster.
	Effect string `json:"effect"`
}

// Of computes the plan.
func Of(f Facts) Plan {
	return Plan{Facts: f, Steps: steps(f), Blockers: blockers(f), Deletions: deletions(f)}
}

// tektonIn returns the component that Sluice replaces, in its namespace.
func (f Facts) tektonIn() (Component, bool) {
	for _, c := range f.Components {
		if c.part == partPipelines && slices.ContainsFunc(c.Deployments, func(name string) bool {
			return strings.HasPrefix(name, conflict.Main)
		}) {
			return c, true
		}
	}
	return Component{}, false
}

func (f Facts) component(part string) (Component, bool) {
	i := slices.IndexFunc(f.Components, func(c Component) bool { return c.part == part })
	if i < 0 {
		return Component{}, false
	}
	return f.Components[i], true
}

// none returns a sentence about what was not found. If something could not be read, it refers to that.
func (f Facts) none(sentence string) string {
	if len(f.Unread) == 0 {
		return sentence
	}
	return sentence + ` The plan is not complete, see "Not read".`
}

// outdated returns the stored versions of a kind that are not the last one that Sluice has.
func outdated(k Kind) []string {
	current := currentVersion(k.CRD)
	return slices.DeleteFunc(slices.Clone(k.Stored), func(version string) bool { return current == "" || version == current })
}

// currentVersion returns the version in which Sluice stores a kind that has several; empty for other kinds.
func currentVersion(crd string) string {
	if crd == resolutionv1beta1.CRDName {
		return resolutionv1beta1.GroupVersion.Version
	}
	for _, kind := range []string{v1.KindTask, v1.KindTaskRun, v1.KindPipeline, v1.KindPipelineRun, "StepAction"} {
		if strings.ToLower(kind)+"s."+v1.GroupName == crd {
			versions := convert.Versions(kind)
			_, version, _ := strings.Cut(versions[len(versions)-1], "/")
			return version
		}
	}
	return ""
}

// taken are the kinds that Sluice has.
func taken() []string {
	return []string{
		"customruns.tekton.dev", "pipelineruns.tekton.dev", "pipelines.tekton.dev", "resolutionrequests.resolution.tekton.dev",
		"stepactions.tekton.dev", "taskruns.tekton.dev", "tasks.tekton.dev", "verificationpolicies.tekton.dev",
	}
}

func steps(f Facts) []Step {
	var all []Step
	if operator, ok := f.component(partOperator); ok {
		all = append(all, Step{
			Title: "Stop the operator", Effect: "The operator would start the controller of Tekton again, and restore its kinds.",
			Commands: []string{fmt.Sprintf("kubectl scale deployment -n %s --all --replicas=0", operator.Namespace)},
		})
	}
	all = append(all, Step{
		Title: "Convert manifests", Commands: []string{"sluice convert --in-place FOLDER"},
		Effect: "Manifests of tekton.dev/v1beta1 in repositories become v1. Nothing changes in the cluster.",
	})
	if old := outdatedKinds(f); len(old) > 0 {
		all = append(all, Step{
			Title: "Migrate stored objects", Commands: []string{"sluice migrate storage --dry-run", "sluice migrate storage"},
			Effect: "Objects can be stored in versions that Sluice does not store: " + strings.Join(old, "; ") + ". Each is written again.",
		})
	}
	all = append(all, Step{
		Title: "Let runs end", Effect: unfinishedText(f),
	})
	if tekton, ok := f.tektonIn(); ok {
		all = append(all, Step{
			Title:    "Replace the controller",
			Commands: []string{"sluice install --replace --image IMAGE --inpod-image IMAGE --resolvers-image IMAGE"},
			Effect: fmt.Sprintf("The controller of Tekton (%s) in namespace %s is scaled down, and so are its resolvers. Sluice is "+
				"installed in namespace %s, and the kinds get the schemas of Sluice. Objects stay.",
				version(tekton), tekton.Namespace, bundle.Namespace),
		})
	}
	if removed := ofTektonsWebhooks(f); len(removed) > 0 {
		all = append(all, Step{
			Title: "Remove the webhooks of Tekton", Commands: removed,
			Effect: "The API server would otherwise call the webhooks of Tekton for each object, and refuse the object if they do not answer.",
		})
	}
	all = append(all, Step{
		Title: "Check the settings", Commands: []string{"sluice doctor"},
		Effect: fmt.Sprintf("%d of %d settings do not have the effect that they have in Tekton (section Settings).",
			notActedOn(f), len(f.Settings)),
	}, Step{
		Title: "Start a run", Commands: []string{"sluice run -f pipelinerun.yaml"}, Effect: "Sluice runs it.",
	})
	return all
}

func version(c Component) string {
	if c.Version == "" {
		return "version unknown"
	}
	return c.Version
}

// outdatedKinds returns the kinds with outdated versions.
func outdatedKinds(f Facts) []string {
	var old []string
	for _, k := range f.Kinds {
		if versions := outdated(k); len(versions) > 0 {
			old = append(old, k.CRD+" "+strings.Join(versions, ", ")+" ("+objects(k.Objects)+")")
		}
	}
	return old
}

func unfinishedText(f Facts) string {
	var running []string
	for _, k := range f.Kinds {
		if k.Unfinished != nil && k.Unfinished.Objects > 0 {
			running = append(running, counted(*k.Unfinished))
		}
	}
	if len(running) == 0 {
		return f.none("No run has been found that has not ended.") + " Prevent new ones until Sluice is installed."
	}
	return "Not ended: " + strings.Join(running, ", ") + ". Wait for them, or cancel them: Sluice does not continue a pod that " +
		"Tekton has created. Prevent new ones until Sluice is installed."
}

// ofTektonsWebhooks returns the commands that delete the webhooks of Tekton Pipelines.
func ofTektonsWebhooks(f Facts) []string {
	tekton, ok := f.tektonIn()
	if !ok {
		return nil
	}
	var commands []string
	for _, w := range f.Webhooks {
		if w.Service == tekton.Namespace+"/tekton-pipelines-webhook" {
			commands = append(commands, fmt.Sprintf("kubectl delete %swebhookconfiguration %s", w.Type, w.Configuration))
		}
	}
	return slices.Compact(commands)
}

// notActedOn returns the number of settings without the effect that they have in Tekton.
func notActedOn(f Facts) int {
	n := 0
	for _, s := range f.Settings {
		if s.Standing != ActedOn && s.Standing != Same {
			n++
		}
	}
	return n
}

func objects(n int) string {
	switch n {
	case -1:
		return "number unknown"
	case 1:
		return "1 object"
	default:
		return fmt.Sprintf("%d objects", n)
	}
}

// blockers returns what cannot move yet.
func blockers(f Facts) []string {
	all := []string{}
	if _, ok := f.tektonIn(); !ok {
		all = append(all, "no controller of Tekton Pipelines has been found: there is nothing to replace, or you may not read it")
	}
	for _, k := range f.Kinds {
		_, group, _ := strings.Cut(k.CRD, ".")
		switch {
		case slices.Contains(taken(), k.CRD):
			if old := outdated(k); len(old) > 0 {
				all = append(all, fmt.Sprintf("%s: objects can be stored in %s; migrate them first", k.CRD, strings.Join(old, ", ")))
			}
		case group == v1.GroupName && k.Objects != 0:
			all = append(all, fmt.Sprintf("%s: Sluice does not have this kind (%s)%s", k.CRD, objects(k.Objects), insteadOf(k.CRD)))
		}
		if k.Unfinished != nil && k.Unfinished.Objects > 0 {
			all = append(all, fmt.Sprintf("not ended: %s: %s", counted(*k.Unfinished), names(*k.Unfinished)))
		}
	}
	for _, s := range f.Settings {
		if s.Standing == Security {
			all = append(all, s.Text)
		}
	}
	for _, gap := range f.Unread {
		all = append(all, "not known, because it cannot be read: "+gap.What)
	}
	return all
}

// counted returns the number of objects with the name of their kind.
func counted(c Counted) string {
	if c.Objects == 1 {
		return "1 " + c.Name
	}
	return fmt.Sprintf("%d %ss", c.Objects, c.Name)
}

func insteadOf(crd string) string {
	switch crd {
	case "clustertasks.tekton.dev":
		return "; copy each ClusterTask to a Task, and refer to it with resolver: cluster"
	case "runs.tekton.dev":
		return "; it was replaced by CustomRun"
	default:
		return ""
	}
}

// names returns the first names, and counts the others.
func names(c Counted) string {
	if len(c.First) == 0 {
		return ""
	}
	text := strings.Join(c.First, ", ")
	if more := c.Objects - len(c.First); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// deletions returns the removals that would delete objects.
func deletions(f Facts) []string {
	all := []string{}
	var lost []string
	for _, k := range f.Kinds {
		if k.Objects != 0 && slices.Contains(taken(), k.CRD) {
			lost = append(lost, k.CRD+" ("+objects(k.Objects)+")")
		}
	}
	manifest := "kubectl delete -f with the release manifest of Tekton deletes the kinds and with them all objects"
	if len(lost) > 0 {
		manifest += ": " + strings.Join(lost, ", ")
	}
	all = append(all, manifest+". Delete single objects of Tekton instead.")
	tekton, ok := f.tektonIn()
	if !ok {
		return all
	}
	if tekton.Namespace == bundle.Namespace {
		all = append(all, fmt.Sprintf("Namespace %s: Sluice is installed in it, too. Deleting it deletes the controller of Sluice, its "+
			"settings and its certificate. Then the API server refuses new objects, because the webhooks do not answer.", bundle.Namespace))
	}
	all = append(all, fmt.Sprintf("Namespace %s: the resolvers of Sluice are in it, too, with the settings of the resolvers.",
		bundle.ResolversNamespace))
	if operator, ok := f.component(partOperator); ok {
		all = append(all, fmt.Sprintf("The operator in namespace %s deletes the kinds when its TektonConfig or TektonPipeline is deleted. "+
			"Scale it down, and keep these objects.", operator.Namespace))
	}
	return all
}
