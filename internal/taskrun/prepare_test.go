package taskrun

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod"
)

// claiming is a run with a workspace of each kind that needs a claim.
func claiming(tr *v1.TaskRun) {
	tr.Spec.Params = []v1.Param{{Name: "claim", Value: v1.StringValue("given")}}
	tr.Spec.Workspaces = []v1.WorkspaceBinding{
		{Name: "made", SubPath: "$(context.taskRun.name)", VolumeClaimTemplate: &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: "ignored", Labels: map[string]string{"team": "a"}, Annotations: map[string]string{"x": "y"}},
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources:   corev1.VolumeResourceRequirements{Requests: list("storage", "1Gi")},
			},
		}},
		{Name: "there", PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "$(params.claim)"}},
	}
	tr.Spec.TaskSpec.Workspaces = []v1.WorkspaceDeclaration{{Name: "made"}, {Name: "there"}, {Name: "default"}, {Name: "none", Optional: true}}
	tr.Spec.TaskSpec.Steps = []v1.Step{{Image: "i", Script: "$(workspaces.made.claim) $(workspaces.there.claim) " +
		"<$(workspaces.default.claim)> $(workspaces.default.bound) $(workspaces.none.bound)"}}
}

func withBinding(w *world) {
	defaults := config.Default().Defaults
	defaults.WorkspaceBinding = &v1.WorkspaceBinding{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	w.store.SetDefaults(defaults)
}

func TestWorkspaces(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(claiming)}, interceptor.Funcs{})
	withBinding(w)
	plan := planned(t, w.Reconciler, taskRun(claiming))
	if plan.Invalid != nil {
		t.Fatal(plan.Invalid)
	}
	name := pod.ClaimName(taskRun(), "made")
	if got, want := plan.Prepared.Task.Spec.Steps[0].Script, name+" given <> true false"; got != want {
		t.Errorf("what a task can know of its workspaces: want %q, got %q", want, got)
	}
	want := []v1.WorkspaceBinding{
		{Name: "made", SubPath: "build", PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}},
		{Name: "there", PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "given"}},
		{Name: "default", EmptyDir: &corev1.EmptyDirVolumeSource{}},
	}
	if diff := cmp.Diff(want, plan.Prepared.Run.Spec.Workspaces); diff != "" {
		t.Errorf("what the pod mounts: -want +got:\n%s", diff)
	}
	if len(taskRun(claiming).Spec.Workspaces) != 2 || len(plan.Prepared.Claims) != 1 {
		t.Errorf("one claim is to be made, got %d", len(plan.Prepared.Claims))
	}
}

func TestClaimIsMadeBeforeThePod(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(claiming)}, interceptor.Funcs{})
	withBinding(w)
	wantCondition(t, w.pass(t), "Unknown Pending")
	claim := &corev1.PersistentVolumeClaim{}
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: "ci", Name: pod.ClaimName(taskRun(), "made")}, claim); err != nil {
		t.Fatal(err)
	}
	if !metav1.IsControlledBy(claim, taskRun()) || claim.Labels["team"] != "a" ||
		claim.Labels[v1.LabelTaskRun] != "build" || claim.Annotations["x"] != "y" {
		t.Errorf("the claim goes with its run, and is as its template says, got %+v", claim.ObjectMeta)
	}
}

func TestClaims(t *testing.T) {
	claim := func(owner string) *corev1.PersistentVolumeClaim {
		c := claims(taskRun(claiming), taskRun(claiming).Spec.Workspaces)[0]
		if owner != "" {
			c.OwnerReferences[0].Name, c.OwnerReferences[0].UID = owner, "another-uid"
		}
		return c
	}
	deleted := func() *corev1.PersistentVolumeClaim {
		c, at := claim(""), metav1.NewTime(epoch())
		c.DeletionTimestamp, c.Finalizers = &at, []string{"kubernetes.io/pvc-protection"}
		return c
	}
	refused := func(err error) interceptor.Funcs {
		return interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if _, ok := o.(*corev1.PersistentVolumeClaim); ok {
				return err
			}
			return c.Create(ctx, o, opts...)
		}}
	}
	group := schema.GroupResource{Resource: "persistentvolumeclaims"}
	cases := map[string]struct {
		reason    string
		objects   []client.Object
		intercept interceptor.Funcs
		want      string
		pods      int
	}{
		"Ours": {
			reason:  "one that a killed controller made is taken over",
			objects: []client.Object{claim("")},
			want:    "Unknown Pending",
			pods:    1,
		},
		"Foreign": {
			reason:  "one that belongs to somebody else is not used",
			objects: []client.Object{claim("stranger")},
			want:    "False CouldntCreateWorkspacePVC",
		},
		"Leftover": {
			reason:  "that of an earlier run of the same name is about to go",
			objects: []client.Object{claim("build")},
			want:    "Unknown Pending",
		},
		"Deleted": {
			reason:  "one that is being deleted is waited for: no pod could mount it",
			objects: []client.Object{deleted()},
			want:    "Unknown Pending",
		},
		"Quota": {
			reason:    "a quota is waited for",
			intercept: refused(apierrors.NewForbidden(group, "x", errors.New("exceeded quota: small"))),
			want:      "Unknown ExceededResourceQuota",
		},
		"Refused": {
			reason:    "what the API server refuses for ever ends the run",
			intercept: refused(apierrors.NewBadRequest("no such class")),
			want:      "False CouldntCreateWorkspacePVC",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, append(tc.objects, taskRun(claiming)), tc.intercept)
			withBinding(w)
			wantCondition(t, w.pass(t), tc.want)
			if pods := w.pods(t); len(pods) != tc.pods {
				t.Errorf("%s: want %d pods, got %d", tc.reason, tc.pods, len(pods))
			}
		})
	}
}

// TestPropagation: a task that is written out in a run sees its params and workspaces without declaring them. One that is
// referred to does not.
func TestPropagation(t *testing.T) {
	given := func(tr *v1.TaskRun) {
		tr.Spec.Params = []v1.Param{{Name: "image", Value: v1.StringValue("busybox")}}
		tr.Spec.Workspaces = []v1.WorkspaceBinding{{Name: "w", EmptyDir: &corev1.EmptyDirVolumeSource{}}}
		tr.Spec.TaskSpec.Steps = []v1.Step{{Image: "$(params.image)", Script: "$(workspaces.w.path)"}}
	}
	plan := planned(t, newWorld(t, nil, interceptor.Funcs{}).Reconciler, taskRun(given))
	if plan.Invalid != nil {
		t.Fatal(plan.Invalid)
	}
	if s := plan.Prepared.Task.Spec.Steps[0]; s.Image != "busybox" || s.Script != "/workspace/w" ||
		len(plan.Prepared.Task.Spec.Workspaces) != 1 {
		t.Errorf("want both propagated, got %q, %q", s.Image, s.Script)
	}
	task := &v1.Task{ObjectMeta: metav1.ObjectMeta{Name: "t", Namespace: "ci"}, Spec: *taskRun(given).Spec.TaskSpec}
	w := newWorld(t, []client.Object{task}, interceptor.Funcs{})
	plan = planned(t, w.Reconciler, taskRun(given, func(tr *v1.TaskRun) { tr.Spec.TaskSpec, tr.Spec.TaskRef = nil, &v1.TaskRef{Name: "t"} }))
	if plan.Invalid == nil || !strings.Contains(plan.Invalid.Error(), `no param "image"`) ||
		!strings.Contains(plan.Invalid.Error(), `no workspace "w"`) {
		t.Errorf("want both refused by name, got %v", plan.Invalid)
	}
}

func TestStepActionsAreResolvedOnce(t *testing.T) {
	action := &v1beta1.StepAction{ObjectMeta: metav1.ObjectMeta{Name: "greet", Namespace: "ci"}, Spec: v1beta1.StepActionSpec{
		Params: []v1.ParamSpec{{Name: "who"}}, Image: "busybox:1", Script: "echo hello $(params.who)",
	}}
	referring := taskRun(func(tr *v1.TaskRun) {
		tr.Spec.Params = []v1.Param{{Name: "name", Value: v1.StringValue("Ada")}}
		tr.Spec.TaskSpec.Steps = []v1.Step{{
			Name:   "one",
			Ref:    &v1.StepRef{Name: "greet"},
			Params: []v1.Param{{Name: "who", Value: v1.StringValue("$(params.name)")}},
		}}
	})
	w := newWorld(t, []client.Object{action, referring}, interceptor.Funcs{})
	tr := w.pass(t)
	if reason(tr) != "Unknown Pending" || tr.Status.TaskSpec.Steps[0].Script != "echo hello $(params.name)" ||
		tr.Status.TaskSpec.Steps[0].Ref != nil {
		t.Fatalf("the status has the step as it is run, before substitution, got %+v, %+v", tr.Status.Condition(), tr.Status.TaskSpec)
	}
	if err := w.client.Delete(t.Context(), action); err != nil {
		t.Fatal(err)
	}
	w.play(t, corev1.PodRunning, running())
	// A run that has begun does not need the StepAction any more.
	wantCondition(t, w.pass(t), "Unknown Running")
	absent := newWorld(t, []client.Object{referring}, interceptor.Funcs{}).pass(t)
	wantCondition(t, absent, "False TaskRunResolutionFailed", `steps[0].ref: cannot get StepAction "greet"`)
}

func TestMetadataOfTheTask(t *testing.T) {
	task := &v1.Task{ObjectMeta: metav1.ObjectMeta{
		Name: "t", Namespace: "ci", Labels: map[string]string{"team": "a", "mine": "task"},
		Annotations: map[string]string{
			"team/x":                           "y",
			"chains.tekton.dev/x":              "y",
			corev1.LastAppliedConfigAnnotation: "{}",
			v1.AnnotationResultsFrom:           "termination-message",
			v1.AnnotationStoppedAt:             "2000-01-01T00:00:00Z",
		},
	}, Spec: *taskRun().Spec.TaskSpec}
	w := newWorld(t, []client.Object{task, taskRun(func(tr *v1.TaskRun) {
		tr.Spec.TaskSpec, tr.Spec.TaskRef = nil, &v1.TaskRef{Name: "t"}
		tr.Labels = map[string]string{"mine": "run"}
	})}, interceptor.Funcs{})
	tr := w.pass(t)
	want := map[string]string{"team": "a", "mine": "run", v1.LabelTask: "t"}
	if diff := cmp.Diff(want, tr.Labels); diff != "" {
		t.Errorf("labels of the run: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"team/x": "y"}, tr.Annotations); diff != "" {
		t.Errorf("annotations of the run: -want +got:\n%s", diff)
	}
	p := w.pod(t)
	if p.Labels["team"] != "a" || p.Labels["mine"] != "run" || p.Annotations["team/x"] != "y" || p.Annotations["chains.tekton.dev/x"] != "" ||
		p.Labels[v1.LabelTaskRun] != "build" {
		t.Errorf("the pod has them, too, got %v, %v", p.Labels, p.Annotations)
	}
}

// TestRefusedLabelsDoNotStopARun: a policy may keep labels from being changed.
func TestRefusedLabelsDoNotStopARun(t *testing.T) {
	task := &v1.Task{ObjectMeta: metav1.ObjectMeta{Name: "t", Namespace: "ci"}, Spec: *taskRun().Spec.TaskSpec}
	w := newWorld(t,
		[]client.Object{task, taskRun(func(tr *v1.TaskRun) { tr.Spec.TaskSpec, tr.Spec.TaskRef = nil, &v1.TaskRef{Name: "t"} })},
		interceptor.Funcs{
			Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
				return apierrors.NewForbidden(schema.GroupResource{Group: v1.GroupName, Resource: "taskruns"}, "build", errors.New("by policy"))
			},
		})
	wantCondition(t, w.pass(t), "Unknown Pending")
}

// TestGuardsInCEL: what is in the pod does not know CEL, so the verdict is in the place of the expression. A value cannot
// leave its quotes.
func TestGuardsInCEL(t *testing.T) {
	cases := map[string]struct {
		reason, cel, value, want, problem string
	}{
		"Holds": {
			reason: "an expression that holds",
			cel:    "'$(params.x)' == 'a'",
			value:  "a",
			want:   "true",
		},
		"HoldsNot": {
			reason: "one that does not",
			cel:    "'$(params.x)' == 'a'",
			value:  "b",
			want:   "false",
		},
		"Quote": {
			reason: "a value is a value",
			cel:    "'$(params.x)' == 'a'",
			value:  "a' == 'a' || '",
			want:   "false",
		},
		"NoBool": {
			reason:  "a verdict is true or false",
			cel:     "'$(params.x)'",
			value:   "a",
			problem: "steps[0].when[0].cel: it returns a value of type string, and must return true or false",
		},
		"Later": {
			reason:  "the first step has no result of an earlier one",
			cel:     "'$(steps.one.results.r)' == 'a'",
			problem: `no earlier step "one"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, interceptor.Funcs{})
			plan := planned(t, w.Reconciler, taskRun(func(tr *v1.TaskRun) {
				tr.Spec.Params = []v1.Param{{Name: "x", Value: v1.StringValue(tc.value)}}
				tr.Spec.TaskSpec.Steps[0].When = []v1.WhenExpression{{CEL: tc.cel}}
			}))
			if tc.problem != "" {
				if plan.Invalid == nil || !strings.Contains(plan.Invalid.Error(), tc.problem) {
					t.Errorf("%s: want %q, got %v", tc.reason, tc.problem, plan.Invalid)
				}
				return
			}
			want := []v1.WhenExpression{{Input: tc.want, Operator: v1.WhenIn, Values: []string{"true"}}}
			if diff := cmp.Diff(want, plan.Prepared.Task.Spec.Steps[0].When); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestGuardWithResultOfAStep: a guard in CEL that refers to a result of an earlier step goes to the entrypoint in a form without
// CEL. What cannot be converted fails the run before its pod exists.
func TestGuardWithResultOfAStep(t *testing.T) {
	cases := map[string]struct{ reason, cel, problem string }{
		"Converted": {
			reason: "values of params and results together",
			cel:    "'$(steps.one.results.r)' == '$(params.x)'",
		},
		"Unquoted": {
			reason:  "a result is data, and never a part of the expression",
			cel:     "$(steps.one.results.r) == 'a'",
			problem: "it must stand in quotes",
		},
		"Unsupported": {
			reason:  "the message names what can be used",
			cel:     "int('$(steps.one.results.r)') > 1",
			problem: `steps[1].when[0].cel: function "int" is not supported here`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, interceptor.Funcs{})
			tr := taskRun(func(tr *v1.TaskRun) {
				tr.Spec.Params = []v1.Param{{Name: "x", Value: v1.StringValue("it's")}}
				tr.Spec.TaskSpec.Steps = []v1.Step{
					{Name: "one", Image: "i", Script: "x", Results: []v1.StepResult{{Name: "r"}}},
					{Name: "two", Image: "i", Script: "x", When: []v1.WhenExpression{{CEL: tc.cel}}},
				}
			})
			obs := observation(func(o *Observation) { o.Task.Spec = tr.Spec.TaskSpec })
			prepared, err := prepare(tr, obs, w.Evaluator)
			if tc.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tc.problem) {
					t.Errorf("%s: want %q, got %v", tc.reason, tc.problem, err)
				}
				return
			}
			if err != nil || len(prepared.Expressions) != 1 {
				t.Fatalf("%s: want one expression, got %+v, %v", tc.reason, prepared, err)
			}
			p, err := w.buildPod(tr, obs, Plan{Prepared: prepared})
			if err != nil {
				t.Fatal(err)
			}
			args := strings.Join(p.Spec.Containers[1].Args, " ")
			if !strings.Contains(args, `"expression":{"op":"==","args":[{"op":"text","texts":["ref-`) ||
				!strings.Contains(args, `{"op":"text","texts":["it's"]}`) {
				t.Errorf("%s: want the expression in the arguments of the step, got %s", tc.reason, args)
			}
		})
	}
}

// TestTaskThroughAResolver: the status says where the Task was, and its name is known in later attempts, too.
func TestTaskThroughAResolver(t *testing.T) {
	spec := v1.TaskSpec{Steps: []v1.Step{{Name: "one", Image: "i", Script: "$(context.task.name)"}}}
	task := &v1.Task{ObjectMeta: metav1.ObjectMeta{Name: "far", Namespace: "other", UID: "task-uid"}, Spec: spec}
	w := newWorld(t, []client.Object{task, taskRun(retries(1), func(tr *v1.TaskRun) {
		tr.Spec.TaskSpec = nil
		tr.Spec.TaskRef = &v1.TaskRef{ResolverRef: v1.ResolverRef{Resolver: "cluster", Params: []v1.Param{
			{Name: "name", Value: v1.StringValue("$(params.which)")}, {Name: "namespace", Value: v1.StringValue("other")},
		}}}
		tr.Spec.Params = []v1.Param{{Name: "which", Value: v1.StringValue("far")}}
	})}, interceptor.Funcs{})
	tr := w.pass(t)
	if s := tr.Status.Provenance.RefSource; s == nil ||
		s.URI != "/apis/tekton.dev/v1/namespaces/other/task/far@task-uid" || tr.Labels[v1.LabelTask] != "far" {
		t.Errorf("want the place and the name, got %+v, %v", s, tr.Labels)
	}
	w.play(t, corev1.PodFailed, terminated(1, record(1)))
	plan := planned(t, w.Reconciler, &v1.TaskRun{ObjectMeta: tr.ObjectMeta, Spec: tr.Spec, Status: v1.TaskRunStatus{
		TaskSpec: tr.Status.TaskSpec, RetriesStatus: []v1.TaskRunAttempt{{PodName: "gone"}},
	}})
	if plan.Prepared == nil || plan.Prepared.Task.Spec.Steps[0].Script != "far" {
		t.Errorf("want the Task's name in the second attempt, got %+v (%v)", plan.Prepared, plan.Invalid)
	}
}

func TestResolverParamsThatCannotBeResolved(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(func(tr *v1.TaskRun) {
		tr.Spec.TaskSpec = nil
		tr.Spec.TaskRef = &v1.TaskRef{ResolverRef: v1.ResolverRef{
			Resolver: "cluster",
			Params:   []v1.Param{{Name: "name", Value: v1.StringValue("$(params.l[1])")}},
		}}
		tr.Spec.Params = []v1.Param{{Name: "l", Value: v1.ArrayValue("only")}}
	})}, interceptor.Funcs{})
	wantCondition(t, w.pass(t), "False TaskRunResolutionFailed", "cannot resolve $(params.l[1]) in spec.taskRef.params[0].value")
}

// TestValidatedOnce: a run that waits, for a quota or a registry, comes back every few seconds. Its rules were checked before
// its task was recorded, and are not checked again; what the settings can change is.
func TestValidatedOnce(t *testing.T) {
	tr := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskRef: &v1.TaskRef{Name: "t", Kind: v1.KindTask}}}
	spec := &v1.TaskSpec{
		Workspaces: []v1.WorkspaceDeclaration{{Name: "w"}},
		Steps:      []v1.Step{{Image: "i", Script: strings.Repeat("$(params.no)", 1000)}},
	}
	bound := []v1.WorkspaceBinding{{Name: "w", EmptyDir: &corev1.EmptyDirVolumeSource{}}}
	if err := validate(tr, spec, bound); err == nil || !strings.Contains(err.Error(), `no param "no"`) {
		t.Fatalf("want the first pass to find what is wrong, got %.200v", err)
	}
	tr.Status.TaskSpec = spec
	if err := validate(tr, spec, bound); err != nil {
		t.Errorf("the rules were checked again: %.200v", err)
	}
	if err := validate(tr, spec, nil); err == nil || !strings.Contains(err.Error(), `missing workspace "w"`) {
		t.Errorf("want a workspace that the settings have given before to be missed, got %.200v", err)
	}
}
