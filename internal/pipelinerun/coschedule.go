package pipelinerun

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/name"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// groups are the groups of tasks that must run on the same node (docs/design/0008-coscheduling.md).
type groups struct {
	*childBuilder

	mode config.Coschedule
	// byTask is computed when it is first needed, and only if the run binds several claims.
	byTask map[string]string
}

// of returns the value of v1.LabelCoschedule on the pods of a task; empty if they may run anywhere.
func (g *groups) of(task *v1.PipelineTask) string {
	outer := g.outer()
	switch g.mode {
	case config.CoschedulePipelineRuns, config.CoscheduleIsolate:
		return cmp.Or(outer, name.Claim(string(g.pr.UID), ""))
	case config.CoscheduleDisabled:
		return ""
	case config.CoscheduleWorkspaces:
	}
	claims := g.claims()
	switch {
	case len(claims) == 0 || len(g.claimsOf(task)) == 0:
		return ""
	case outer != "":
		return outer
	case len(claims) == 1:
		return g.label(claims[0])
	}
	if g.byTask == nil {
		g.byTask = g.connect()
	}
	return g.byTask[task.Name]
}

// outer returns the group of the task of another run that this run is, if that task has one. Its pods can mount the claims of
// that group.
func (g *groups) outer() string {
	if owner := metav1.GetControllerOf(g.pr); owner == nil || owner.Kind != v1.KindPipelineRun {
		return ""
	}
	return g.pr.Labels[v1.LabelCoschedule]
}

func (g *groups) label(claim string) string { return name.Claim(string(g.pr.UID), claim) }

// claims returns the names of the claims that the run binds, sorted, without duplicates.
func (g *groups) claims() []string {
	var out []string
	for _, bound := range g.bindings {
		if bound.PersistentVolumeClaim != nil {
			out = append(out, bound.PersistentVolumeClaim.ClaimName)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// claimsOf returns the names of the claims that a task mounts.
func (g *groups) claimsOf(task *v1.PipelineTask) []string {
	var out []string
	for _, handed := range handedOn(task) {
		if bound := g.bindings[handed.PipelineWorkspace()]; bound != nil && bound.PersistentVolumeClaim != nil {
			out = append(out, bound.PersistentVolumeClaim.ClaimName)
		}
	}
	return out
}

// connect puts tasks that share a claim into one group, and joins groups if a task mounts claims of both.
func (g *groups) connect() map[string]string {
	leader := map[string]string{} // by claim: the claim that represents its group
	var find func(claim string) string
	find = func(claim string) string {
		if up, ok := leader[claim]; ok && up != claim {
			leader[claim] = find(up)
			return leader[claim]
		}
		return claim
	}
	byTask := map[string]string{}
	for _, tasks := range [][]v1.PipelineTask{g.spec.Tasks, g.spec.Finally} {
		for i := range tasks {
			mounted := g.claimsOf(&tasks[i])
			for _, claim := range mounted {
				byTask[tasks[i].Name] = mounted[0]
				leader[find(claim)] = find(mounted[0])
			}
		}
	}
	for task, claim := range byTask {
		byTask[task] = g.label(find(claim))
	}
	return byTask
}

// ownTemplate returns the run's template for all tasks, overridden by that for this task, with the variables of both
// substituted; nil if there is none.
func (b *childBuilder) ownTemplate(s *TaskState, override *v1.PipelineTaskRunSpec, params []v1.Param,
	vars substitute.Variables) (*v1.PodTemplate, error) {
	ofAll := b.pr.Spec.TaskRunTemplate.PodTemplate
	switch {
	case override.PodTemplate == nil && ofAll == nil:
		return nil, nil //nolint:nilnil // no template, and no error
	case override.PodTemplate == nil && final(b.pr, v1.FinalPodTemplate):
		return ofAll.DeepCopy(), nil
	}
	merged := pod.MergedTemplate(ofAll, override.PodTemplate)
	path := field.NewPath("spec", "taskRunSpecs").Key(s.Task.Name).Child("podTemplate")
	return substitute.PodTemplate(path, &merged, vars, params...)
}

// podTemplate returns the template for the pods of a task, with the affinity for those of a group.
func (b *childBuilder) podTemplate(s *TaskState, override *v1.PipelineTaskRunSpec, params []v1.Param,
	vars substitute.Variables) (*v1.PodTemplate, error) {
	template, err := b.ownTemplate(s, override, params, vars)
	if err != nil {
		return nil, err
	}
	group := b.groups.of(s.Task)
	if group == "" {
		return template, nil
	}
	if template == nil {
		template = &v1.PodTemplate{}
	}
	if template.Affinity == nil {
		template.Affinity = &corev1.Affinity{}
	}
	bringTogether(template.Affinity, group, b.groups.mode == config.CoscheduleIsolate)
	return template, nil
}

// bringTogether makes a pod run on the node of the other pods in its group. The first pod may run on any node. An isolated
// pod does not run on a node with pods of other groups, in any namespace.
func bringTogether(affinity *corev1.Affinity, group string, isolated bool) {
	if affinity.PodAffinity == nil {
		affinity.PodAffinity = &corev1.PodAffinity{}
	}
	together := &affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	*together = append(*together, corev1.PodAffinityTerm{
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{v1.LabelCoschedule: group}},
		TopologyKey:   corev1.LabelHostname,
	})
	if !isolated {
		return
	}
	if affinity.PodAntiAffinity == nil {
		affinity.PodAntiAffinity = &corev1.PodAntiAffinity{}
	}
	apart := &affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	*apart = append(*apart, corev1.PodAffinityTerm{
		LabelSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: v1.LabelCoschedule, Operator: metav1.LabelSelectorOpExists},
			{Key: v1.LabelCoschedule, Operator: metav1.LabelSelectorOpNotIn, Values: []string{group}},
		}},
		NamespaceSelector: &metav1.LabelSelector{},
		TopologyKey:       corev1.LabelHostname,
	})
}
