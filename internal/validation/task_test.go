package validation

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// decode reads YAML as the API server would, into a value of any type of this package.
func decode[T any](t *testing.T, text string) *T {
	t.Helper()
	out := new(T)
	if err := yaml.Unmarshal([]byte(text), out); err != nil {
		t.Fatalf("cannot decode %q: %v", text, err)
	}
	return out
}

// messages are the errors as a user reads them.
func messages(errs field.ErrorList) []string {
	var out []string
	for _, err := range errs {
		out = append(out, err.Error())
	}
	return out
}

const goodStep = `
steps: [{image: busybox, script: "true"}]
`

func TestTaskSpecValidate(t *testing.T) {
	cases := map[string]struct {
		reason, spec string
		want         []string
	}{
		"Good": {
			reason: "A task with one of everything is valid.",
			spec: `
params: [{name: p}, {name: a.b, type: array, default: [x]}, {name: o, properties: {k: {}}}]
results: [{name: r.1}, {name: l, type: array}, {name: m, type: object, properties: {k: {type: string}}}]
workspaces: [{name: w, mountPath: "/data/$(params.p)"}, {name: optional, optional: true}]
volumes: [{name: v, emptyDir: {}}, {name: "v-$(params.p)", configMap: {name: "$(params.p)"}}]
sidecars: [{name: s, image: i}]
steps:
- name: one
  image: $(params.p)
  command: [sh]
  args: ["$(params['a.b'][*])", "$(params['a.b'])", "$(params.o.k)", "$(params['a.b'][0])", "$(date) $(HOME)"]
  volumeMounts: [{name: v, mountPath: /cache}, {name: v-x, mountPath: /tekton/home}]
- image: i
  script: "$(results['r.1'].path) $(workspaces.w.path) $(workspaces.optional.bound) $(context.taskRun.name) $(inputs.params.p)"
`,
		},
		"NoStep": {
			reason: "A task that does nothing is a mistake.",
			spec:   `steps: []`,
			want:   []string{`spec.steps: Required value: a task needs at least one step`},
		},
		"Step": {
			reason: "Each step says what to run, in one way, under a name of its own.",
			spec: `
steps:
- {name: Build, image: i, script: x}
- {name: b, command: [x]}
- {name: b, image: i, script: x, command: [x]}
- {name: c, image: i, args: [x]}
- {image: i, script: x}
- {name: unnamed-4, image: i, script: x}
- {name: ` + strings.Repeat("n", 64) + `, image: i, script: x}
`,
			want: []string{
				`spec.steps[0].name: Invalid value: "Build": a lowercase RFC 1123 label must consist of lower case ` +
					`alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. ` +
					`'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
				`spec.steps[1].image: Required value: give the image of the container`,
				`spec.steps[2].name: Duplicate value: "b"`,
				`spec.steps[2].script: Forbidden: give either command or script, not both`,
				`spec.steps[5].name: Duplicate value: "unnamed-4"`,
				`spec.steps[6].name: Too long: may not be more than 63 bytes`,
			},
		},
		"Sidecar": {
			reason: "Nobody can put a sidecar of their own in the place of the one that carries results.",
			spec: `
sidecars:
- {name: tekton-log-results, image: i}
- {name: s, image: i}
- {name: s}
- {image: i}
- {name: t, image: i, script: x, command: [x]}
- {name: unnamed-3, image: i}
` + goodStep,
			want: []string{
				`spec.sidecars[0].name: Invalid value: "tekton-log-results": reserved for the results sidecar; choose another name`,
				`spec.sidecars[2].name: Duplicate value: "s"`,
				`spec.sidecars[2].image: Required value: give the image of the container`,
				`spec.sidecars[4].script: Forbidden: give either command or script, not both`,
				`spec.sidecars[5].name: Duplicate value: "unnamed-3"`,
			},
		},
		"Params": {
			reason: "Names, types and defaults of params agree.",
			spec: `
params:
- {name: 1st}
- {name: Dup}
- {name: dup}
- {name: t, type: number}
- {name: l, type: array, default: text}
- {name: s, properties: {k: {}}, type: string}
- {name: o, type: object}
- {name: a.b, properties: {k.x: {}, z: {type: array}}}
- {type: string}
` + goodStep,
			want: []string{
				`spec.params[0].name: Invalid value: "1st": a name must consist of letters, digits, '-', '_' and '.', and begin with a letter or '_'`,
				`spec.params[2].name: Duplicate value: "dup"`,
				`spec.params[3].type: Unsupported value: "number": supported values: "string", "array", "object"`,
				`spec.params[4].default: Invalid value: "string": param "l" is of type array, not string`,
				`spec.params[5].properties: Forbidden: only type object has properties, and the type is string`,
				`spec.params[6].properties: Required value: type object needs the keys that it must have`,
				`spec.params[7].name: Invalid value: "a.b": a name of an object must consist of letters, digits, ` +
					`'-' and '_', and begin with a letter or '_'`,
				`spec.params[7].properties[k.x]: Invalid value: "k.x": a name of an object must consist of ` +
					`letters, digits, '-' and '_', and begin with a letter or '_'`,
				`spec.params[7].properties[z].type: Unsupported value: "array": supported values: "string"`,
				`spec.params[8].name: Required value: every one needs a name`,
			},
		},
		"Results": {
			reason: "A result's name is the name of a file, and must not lead out of its folder.",
			spec: `
results:
- {name: ../x}
- {name: -x}
- {name: x}
- {name: x}
- {name: y, type: map}
- {name: z, type: object}
- {name: q, type: array, properties: {k: {}}}
` + goodStep,
			want: []string{
				`spec.results[0].name: Invalid value: "../x": a name must consist of letters, digits, '-', '_' and ` +
					`'.', and begin and end with a letter or a digit`,
				`spec.results[1].name: Invalid value: "-x": a name must consist of letters, digits, '-', '_' and ` +
					`'.', and begin and end with a letter or a digit`,
				`spec.results[4].type: Unsupported value: "map": supported values: "string", "array", "object"`,
				`spec.results[5].properties: Required value: type object needs the keys that it must have`,
				`spec.results[6].properties: Forbidden: only type object has properties, and the type is array`,
				`warning: spec.results[3].name: "x": declared twice: the last declaration counts`,
			},
		},
		"Volumes": {
			reason: "The system's volumes are nobody else's. One that the task does not have may come with a run's pod template.",
			spec: `
volumes: [{name: tekton-internal-run, emptyDir: {}}, {name: V, emptyDir: {}}, {name: v, emptyDir: {}}, {name: v, emptyDir: {}}]
sidecars: [{name: s, image: i, volumeMounts: [{name: tekton-internal-run, mountPath: /x}]}]
steps:
- image: i
  script: x
  volumeMounts:
  - {name: tekton-internal-other, mountPath: /x}
  - {name: nope, mountPath: /y}
  - {name: v, mountPath: /z}
  - {name: v, mountPath: //z/}
`,
			want: []string{
				`spec.volumes[0].name: Invalid value: "tekton-internal-run": names that begin with tekton-internal- are reserved; choose another name`,
				`spec.volumes[1].name: Invalid value: "V": a lowercase RFC 1123 label must consist of lower case ` +
					`alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. ` +
					`'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
				`spec.volumes[3].name: Duplicate value: "v"`,
				`spec.steps[0].volumeMounts[0].name: Invalid value: "tekton-internal-other": volumes whose names ` +
					`begin with tekton-internal- belong to the system and cannot be mounted`,
				`spec.steps[0].volumeMounts[3].mountPath: Invalid value: "//z/": volume "v" is mounted there, too`,
				`spec.sidecars[0].volumeMounts[0].name: Invalid value: "tekton-internal-run": volumes whose names ` +
					`begin with tekton-internal- belong to the system and cannot be mounted`,
			},
		},
		"Workspaces": {
			reason: "Workspaces are mounted as volumes are, and neither over each other nor over the system's files.",
			spec: `
workspaces:
- {name: a}
- {name: a}
- {name: b, mountPath: /workspace/a/}
- {name: c, mountPath: /tekton/run}
- {name: d, mountPath: data}
- {name: -x}
volumes: [{name: v, emptyDir: {}}]
steps: [{image: i, script: x, volumeMounts: [{name: v, mountPath: /workspace/./a}]}]
`,
			want: []string{
				`spec.workspaces[1].name: Duplicate value: "a"`,
				`spec.workspaces[5].name: Invalid value: "-x": a name must consist of letters, digits, '-', '_' ` +
					`and '.', and not begin or end with '-' or '.'`,
				`spec.workspaces[1].mountPath: Invalid value: "/workspace/a": workspace "a" is mounted there, too`,
				`spec.workspaces[2].mountPath: Invalid value: "/workspace/a/": workspace "a" is mounted there, too`,
				`spec.workspaces[3].mountPath: Invalid value: "/tekton/run": /tekton and what is below it is ` +
					`reserved, except /tekton/home; choose another path`,
				`spec.workspaces[4].mountPath: Invalid value: "data": must be an absolute path`,
				`spec.steps[0].volumeMounts[0].mountPath: Invalid value: "/workspace/./a": workspace "a" is mounted there, too`,
			},
		},
		"References": {
			reason: "A reference that cannot be resolved is found before a run is, and its place named.",
			spec: `
params: [{name: s}, {name: l, type: array}, {name: o, properties: {k: {}}}]
results: [{name: r}]
workspaces: [{name: w}]
volumes: [{name: "$(params.v)", secret: {secretName: "$(params.q)"}}]
steps:
- image: $(params.nope)
  command: ["$(params.l[*])", "x$(params.l[*])"]
  args: ["$(params.s[*])", "$(params.o[*])", "$(params.o.x)", "$(params.s.k)"]
  env: [{name: E, value: "$(params.l)"}, {name: F, valueFrom: {secretKeyRef: {name: "$(params.g)", key: k}}}]
- image: i
  script: "$(results.x.path) $(results.r) $(workspaces.x.path) $(workspaces.w.size) $(context.pipelineRun.name)
    $(params.s[) $(tasks.t.results.r)"
`,
			want: []string{
				`spec.steps[0].image: Invalid value: "$(params.nope)": no param "nope"; there are: l, o, s`,
				`spec.steps[0].env[1].valueFrom.secretKeyRef.name: Invalid value: "$(params.g)": no param "g"; there are: l, o, s`,
				`spec.steps[0].command[1]: Invalid value: "$(params.l[*])": param "l" is an array: use one ` +
					`element, as in $(params.l[0]), or all of it with $(params.l[*]) as a separate element`,
				`spec.steps[0].args[1]: Invalid value: "$(params.o[*])": param "o" is an object: use one of its keys, as in $(params.o.<key>)`,
				`spec.steps[0].args[2]: Invalid value: "$(params.o.x)": no key of param o "x"; there are: k`,
				`spec.steps[0].env[0].value: Invalid value: "$(params.l)": param "l" is an array: use one element, ` +
					`as in $(params.l[0]), or all of it with $(params.l[*]) as a separate element`,
				`warning: spec.steps[0].args[0]: "$(params.s[*])": stays as text: param "s" is a string: use it as $(params.s)`,
				`warning: spec.steps[0].args[3]: "$(params.s.k)": stays as text: param "s" is a string: use it as $(params.s)`,
				`warning: spec.steps[1].script: "$(results.x.path)": stays as text: no result "x"; there are: r`,
				`warning: spec.steps[1].script: "$(results.r)": stays as text: a task refers to the file of a result as $(results.<name>.path)`,
				`warning: spec.steps[1].script: "$(workspaces.x.path)": stays as text: no workspace "x"; there are: w`,
				`warning: spec.steps[1].script: "$(workspaces.w.size)": stays as text: here a workspace is referred to as ` +
					`$(workspaces.<name>.path|bound|claim|volume)`,
				`warning: spec.steps[1].script: "$(context.pipelineRun.name)": stays as text: no such variable here; there ` +
					`are: taskRun.name, taskRun.namespace, taskRun.uid, task.name, task.retry-count`,
				`warning: spec.steps[1].script: "$(params.s[)": stays as text: not a variable: write $(params.<name>), ` +
					`$(params['<name>']), $(params.<array>[0]), $(params.<object>.<key>) or $(params.<array>[*])`,
				`warning: spec.steps[1].script: "$(tasks.t.results.r)": stays as text: a task sees results of other tasks only ` +
					`if it is written out in a pipeline; use a param`,
				`warning: spec.volumes[0].name: "$(params.v)": stays as text: no param "v"; there are: l, o, s`,
				`warning: spec.volumes[0].secret.secretName: "$(params.q)": stays as text: no param "q"; there are: l, o, s`,
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := decode[v1.TaskSpec](t, tc.spec)
			check := func(r *Report) { reportTaskSpec(r, spec, field.NewPath("spec")) }
			if diff := cmp.Diff(tc.want, lines(Check(check))); diff != "" {
				t.Errorf("\n%s\nValidate: -want, +got:\n%s", tc.reason, diff)
			}
			DefaultTaskSpec(spec)
			if got := len(lines(Check(check))); got != len(tc.want) {
				t.Errorf("\n%s\nwith defaults there are %d findings, without %d", tc.reason, got, len(tc.want))
			}
		})
	}
}

// Every spelling of a reserved path is refused (CVE-2026-40923 of a peer compared without cleaning), for steps and
// sidecars alike.
func TestReservedMountPaths(t *testing.T) {
	cases := map[string]struct {
		path string
		want string
	}{
		"Reserved":       {path: "/tekton", want: "/tekton and what is below it is reserved"},
		"Below":          {path: "/tekton/run", want: "/tekton and what is below it is reserved"},
		"TrailingSlash":  {path: "/tekton/results/", want: "/tekton and what is below it is reserved"},
		"DotDot":         {path: "/tekton/../tekton/run", want: "/tekton and what is below it is reserved"},
		"FromWorkspace":  {path: "/workspace/../tekton", want: "/tekton and what is below it is reserved"},
		"FromHome":       {path: "/tekton/home/../run", want: "/tekton and what is below it is reserved"},
		"DoubleSlash":    {path: "//tekton//run", want: "/tekton and what is below it is reserved"},
		"Dot":            {path: "/./tekton/./steps", want: "/tekton and what is below it is reserved"},
		"AboveRoot":      {path: "/../../tekton/bin", want: "/tekton and what is below it is reserved"},
		"LooksLikeHome":  {path: "/tekton/homes", want: "/tekton and what is below it is reserved"},
		"Root":           {path: "/", want: "cannot be the root"},
		"RootByDots":     {path: "/tekton/..", want: "cannot be the root"},
		"Relative":       {path: "tekton/run", want: "must be an absolute path"},
		"RelativeDots":   {path: "../tekton", want: "must be an absolute path"},
		"Empty":          {want: "must be an absolute path"},
		"Colon":          {path: "/data:/tekton/run", want: "must not contain ':'"},
		"Home":           {path: "/tekton/home"},
		"BelowHome":      {path: "/tekton/home/.docker"},
		"OnlyLooksAlike": {path: "/tektonic"},
		"Elsewhere":      {path: "/workspace/tekton"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			mounts := []corev1.VolumeMount{{Name: "v", MountPath: tc.path}}
			spec := v1.TaskSpec{
				Volumes:  []corev1.Volume{{Name: "v"}},
				Steps:    []v1.Step{{Image: "i", Script: "x", VolumeMounts: mounts}},
				Sidecars: []v1.Sidecar{{Name: "s", Image: "i", VolumeMounts: mounts}},
			}
			for which, errs := range map[string]field.ErrorList{
				"Validate": TaskSpec(&spec, nil), "ValidateSubstituted": SubstitutedTaskSpec(&spec, nil),
			} {
				if tc.want == "" {
					if len(errs) > 0 {
						t.Errorf("%s refuses mount path %q: %v", which, tc.path, errs)
					}
					continue
				}
				if len(errs) != 2 || !strings.Contains(errs[0].Detail, tc.want) ||
					errs[0].Field != "steps[0].volumeMounts[0].mountPath" ||
					errs[1].Field != "sidecars[0].volumeMounts[0].mountPath" {
					t.Errorf("%s of mount path %q: want %q for step and sidecar, got %v", which, tc.path, tc.want, errs)
				}
			}
		})
	}
}

// A param must not smuggle in a mount that could not have been written down.
func TestValidateSubstitutedTakesTextsAsTheyStand(t *testing.T) {
	spec := v1.TaskSpec{
		Volumes:    []corev1.Volume{{Name: "tekton-internal-x"}, {Name: "$(params.x)"}},
		Workspaces: []v1.WorkspaceDeclaration{{Name: "w", MountPath: "/tekton/$(params.x)"}},
		Steps: []v1.Step{{VolumeMounts: []corev1.VolumeMount{
			{Name: "$(params.y)", MountPath: "/tekton/run/$(params.x)"}, {Name: "tekton-internal-y", MountPath: "/x"},
		}}},
	}
	var fields []string
	for _, err := range SubstitutedTaskSpec(&spec, nil) {
		fields = append(fields, err.Field)
	}
	want := []string{
		"volumes[0].name", "volumes[1].name", "workspaces[0].mountPath", "steps[0].volumeMounts[0].name",
		"steps[0].volumeMounts[0].mountPath", "steps[0].volumeMounts[1].name", "steps[0].image",
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("fields refused: -want, +got:\n%s", diff)
	}
}
