package pipelinerun

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
)

func TestCoschedule(t *testing.T) {
	on := func(task string, workspaces ...string) v1.PipelineTask {
		x := plain(task)
		for _, w := range workspaces {
			x.Workspaces = append(x.Workspaces, v1.WorkspacePipelineTaskBinding{Name: w})
			x.TaskSpec.Workspaces = append(x.TaskSpec.Workspaces, v1.WorkspaceDeclaration{Name: w})
		}
		return x
	}
	cases := map[string]struct {
		reason string
		mode   config.Coschedule
		tasks  []v1.PipelineTask
		want   string // names of tasks that run on one node, groups separated by blanks; the others run anywhere
	}{
		"One": {
			reason: "Those that mount the claim run together.",
			mode:   config.CoscheduleWorkspaces,
			tasks:  []v1.PipelineTask{on("a", "x"), on("b", "x"), on("c")},
			want:   "ab",
		},
		"Two": {
			reason: "Two claims are two groups.",
			mode:   config.CoscheduleWorkspaces,
			tasks:  []v1.PipelineTask{on("a", "x"), on("b", "y"), on("c", "x")},
			want:   "ac b",
		},
		"Bridge": {
			reason: "A task that mounts both makes them one.",
			mode:   config.CoscheduleWorkspaces,
			tasks:  []v1.PipelineTask{on("a", "x"), on("b", "y"), on("c", "x", "y"), on("d", "z")},
			want:   "abc d",
		},
		"Same": {
			reason: "Two workspaces can be one claim.",
			mode:   config.CoscheduleWorkspaces,
			tasks:  []v1.PipelineTask{on("a", "x"), on("b", "also-x")},
			want:   "ab",
		},
		"Other": {
			reason: "Other volumes can be on any node.",
			mode:   config.CoscheduleWorkspaces,
			tasks:  []v1.PipelineTask{on("a", "e"), on("b", "e")},
		},
		"Run": {
			reason: "All tasks of a run can be told to run together.",
			mode:   config.CoschedulePipelineRuns,
			tasks:  []v1.PipelineTask{on("a", "x"), on("b")},
			want:   "ab",
		},
		"Isolate": {
			reason: "And to keep away from others.",
			mode:   config.CoscheduleIsolate,
			tasks:  []v1.PipelineTask{on("a", "x"), on("b")},
			want:   "ab",
		},
		"Disabled": {
			reason: "Or nothing is said.",
			mode:   config.CoscheduleDisabled,
			tasks:  []v1.PipelineTask{on("a", "x"), on("b", "x")},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pr := run(tc.tasks...)
			for _, w := range []string{"x", "y", "z", "also-x"} {
				claim := strings.TrimPrefix(w, "also-")
				pr.Spec.Workspaces = append(pr.Spec.Workspaces, v1.WorkspaceBinding{
					Name:                  w,
					PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
				})
			}
			pr.Spec.Workspaces = append(pr.Spec.Workspaces, v1.WorkspaceBinding{Name: "e", EmptyDir: &corev1.EmptyDirVolumeSource{}})
			c := newCluster(t, interceptor.Funcs{}, pr)
			flags := config.Default().Flags
			flags.Coschedule = tc.mode
			c.config.SetFlags(flags)
			made := c.made(t, pr)
			groups, order := map[string]string{}, []string{}
			for i := range tc.tasks {
				tr := made["run-"+tc.tasks[i].Name]
				group := tr.Labels[v1.LabelCoschedule]
				checkAffinity(t, tr, group, tc.mode == config.CoscheduleIsolate)
				if group == "" {
					continue
				}
				if groups[group] == "" {
					order = append(order, group)
				}
				groups[group] += tc.tasks[i].Name
			}
			var got []string
			for _, group := range order {
				got = append(got, groups[group])
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("\n%s\ngroups: want %q, got %q", tc.reason, tc.want, strings.Join(got, " "))
			}
		})
	}
}

// checkAffinity fails the test unless the pod of a TaskRun runs where those of its group run.
func checkAffinity(t *testing.T, tr *v1.TaskRun, group string, isolated bool) {
	t.Helper()
	if group == "" {
		if tr.Spec.PodTemplate != nil {
			t.Errorf("%s is in no group, and has %+v", tr.Name, tr.Spec.PodTemplate)
		}
		return
	}
	affinity := tr.Spec.PodTemplate.Affinity
	together := affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	if len(together) != 1 || together[0].LabelSelector.MatchLabels[v1.LabelCoschedule] != group ||
		together[0].TopologyKey != "kubernetes.io/hostname" {
		t.Errorf("affinity of %s: %+v", tr.Name, together)
	}
	if apart := affinity.PodAntiAffinity; (apart != nil) != isolated {
		t.Errorf("anti-affinity of %s: %+v", tr.Name, apart)
	}
}

// An affinity of the user's own stays.
func TestCoscheduleAddsToTheUsersAffinity(t *testing.T) {
	own := corev1.PodAffinityTerm{TopologyKey: "zone", LabelSelector: &metav1.LabelSelector{}}
	task := plain("a")
	task.TaskSpec.Steps[0].Script = "$(workspaces.x.path)"
	pr := run(task)
	pr.Spec.Workspaces = []v1.WorkspaceBinding{{Name: "x", PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "c"}}}
	pr.Spec.TaskRunTemplate.PodTemplate = &v1.PodTemplate{Affinity: &corev1.Affinity{PodAffinity: &corev1.PodAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{own},
	}}}
	terms := first(t, pr)["run-a"].Spec.PodTemplate.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	if len(terms) != 2 || terms[0].TopologyKey != "zone" {
		t.Errorf("terms: %+v", terms)
	}
}
