package check_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/check"
)

// TestAcceptedWithoutACluster: files that Tekton admits cause no error, in the forms in which repositories have them. What looks like
// a mistake in them is a warning.
func TestAcceptedWithoutACluster(t *testing.T) {
	cases := map[string]struct {
		reason string
		file   string
		want   []string
	}{
		"PropagatedResults": {
			reason: "A task that is written out uses results of other tasks, with a Task of the same file.",
			file: `
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: clone}
spec:
  results: [{name: commit}, {name: files, type: array}, {name: info, properties: {url: {}}}]
  steps: [{image: alpine/git, script: git clone}]
---
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: {generateName: build-}
spec:
  pipelineSpec:
    workspaces: [{name: source, optional: true}]
    tasks:
    - {name: clone, taskRef: {name: clone}}
    - name: build
      taskSpec:
        workspaces: [{name: source, mountPath: "/src/$(tasks.clone.results.commit)", optional: true}]
        volumes: [{name: v, configMap: {name: "c-$(tasks.clone.results.info.url)"}}]
        steps:
        - image: "builder:$(tasks.clone.results.commit)"
          workingDir: "$(tasks.clone.results.files[0])"
          args: ["$(tasks.clone.results.files[*])"]
          env: [{name: URL, value: "$(tasks.clone.results.info.url)"}]
          script: 'echo "$(tasks.clone.results.commit)"'
          when: [{input: "$(tasks.clone.results.commit)", operator: notin, values: ["$(tasks.clone.results.files[*])"]}]
        - {ref: {name: push}, params: [{name: tag, value: "$(tasks.clone.results.commit)"}]}
`,
		},
		"PipelineContext": {
			reason: "A task that is written out knows the run, in finally, too.",
			file: `
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: p}
spec:
  tasks: [{name: a, retries: 1, taskSpec: {steps: [{image: i, script: "$(context.pipelineTask.retries) $(context.pipeline.name)"}]}}]
  finally:
  - name: b
    taskSpec: {steps: [{image: i, script: "$(context.pipelineRun.name) $(context.pipelineRun.namespace) $(context.pipelineRun.uid)"}]}
`,
		},
		"TextOfTheTask": {
			reason: "A param of a pipeline's task, or its default, holds variables of the task that gets it.",
			file: `
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: p}
spec:
  workspaces: [{name: source}]
  params: [{name: dir, default: "$(workspaces.source.path)/out"}]
  tasks:
  - name: a
    taskRef: {name: somewhere-else}
    workspaces: [{name: source}]
    params:
    - {name: file, value: "$(workspaces.source.path)/file"}
    - {name: names, value: ["$(context.taskRun.name)", "$(results.log.path)", "$(params.dir)"]}
`,
		},
		"TextOfNothing": {
			reason: "What nothing has stays as text.",
			file: `
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: t}
spec:
  steps:
  - name: s
    image: i
    script: |
      cd $(workspaces.undeclared.path) && ls $(pwd) $(results.undeclared.path) && hostname=$(hostname)
      echo $(context.pipelineRun.name)
`,
			want: []string{
				`warning: Task/t spec.steps[0].script: "$(workspaces.undeclared.path)": stays as text: no workspace "undeclared"; there are: none`,
				`warning: Task/t spec.steps[0].script: "$(results.undeclared.path)": stays as text: no result "undeclared"; there are: none`,
				`warning: Task/t spec.steps[0].script: "$(context.pipelineRun.name)": stays as text: no such variable here; there are: ` +
					`taskRun.name, taskRun.namespace, taskRun.uid, task.name, task.retry-count`,
			},
		},
		"WholeValues": {
			reason: "A whole array or object needs no [*], and the input of when takes an array. In a longer text it stays as text.",
			file: `
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: p}
spec:
  params: [{name: list, type: array}]
  results: [{name: files, type: array, value: $(tasks.make.results.files)}, {name: info, type: object, value: $(tasks.make.results.info)}]
  tasks:
  - name: make
    taskSpec:
      results: [{name: files, type: array}, {name: info, properties: {url: {}}}]
      steps: [{image: i, script: x}]
  - name: use
    taskRef: {name: somewhere-else}
    params:
    - {name: files, value: $(tasks.make.results.files)}
    - {name: info, value: $(tasks.make.results.info)}
    - {name: text, value: "files: $(tasks.make.results.files[*])"}
    when:
    - {input: "$(params.list[*])", operator: notin, values: ["[]"]}
    - {input: "$(tasks.make.results.files[*])", operator: notin, values: ["[]"]}
`,
			want: []string{
				`warning: Pipeline/p spec.tasks[1].params[2].value: "$(tasks.make.results.files[*])": stays as text: result "files" is an ` +
					`array: use one element, as in $(tasks.make.results.files[0]), or all of it with $(tasks.make.results.files[*]) as a ` +
					`separate element`,
			},
		},
		"MatrixNames": {
			reason: "Display names see the params of a matrix.",
			file: `
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: p}
spec:
  tasks:
  - name: build
    displayName: "Build $(params.platform)"
    taskRef: {name: somewhere-else}
    matrix:
      params: [{name: platform, value: [linux, mac]}]
      include: [{name: "Extra for $(params.platform)", params: [{name: platform, value: linux}, {name: more, value: x}]}]
`,
		},
		"WorkspaceBindings": {
			reason: "What a run binds can be named by params and results.",
			file: `
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: {name: r}
spec:
  params: [{name: config, value: c}]
  workspaces:
  - {name: a, configMap: {name: "$(params.config)"}}
  - {name: b, persistentVolumeClaim: {claimName: "$(tasks.make.results.claim)"}, subPath: "$(context.pipelineRun.name)"}
  pipelineSpec:
    params: [{name: config}]
    workspaces: [{name: a}, {name: b}]
    tasks:
    - {name: make, taskSpec: {results: [{name: claim}], steps: [{image: i, script: x}]}}
    - {name: use, taskSpec: {workspaces: [{name: a}, {name: b}], steps: [{image: i, script: x}]}}
`,
		},
		"ResultTwice": {
			reason: "Of results with one name, the last one counts.",
			file: `
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: t}
spec: {results: [{name: r}, {name: r, type: array}], steps: [{image: i, script: x}]}
`,
			want: []string{`warning: Task/t spec.results[1].name: "r": declared twice: the last declaration counts`},
		},
		"OtherCase": {
			reason: "Go's JSON does not look at the case of letters.",
			file: `
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: t}
spec: {workspaces: [{name: w, mountpath: /data}], steps: [{image: i, script: "$(workspaces.w.path)"}]}
`,
			want: []string{`warning: Task/t spec.workspaces[0].mountpath: the field is read as "mountPath"`},
		},
		"EarlierStepAction": {
			reason: "The earlier version of StepAction is served.",
			file: `
apiVersion: tekton.dev/v1alpha1
kind: StepAction
metadata: {name: push}
spec: {params: [{name: tag}], image: i, script: x}
`,
		},
		"Credentials": {
			reason: "Secrets and service accounts are Kubernetes' own.",
			file: `
apiVersion: v1
kind: Secret
metadata: {name: git, annotations: {tekton.dev/git-0: "https://example.com/team/repo"}}
type: kubernetes.io/basic-auth
stringData: {username: u, password: p}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: bot}
secrets: [{name: git}, {name: not-there}]
---
apiVersion: tekton.dev/v1
kind: TaskRun
metadata: {name: r}
spec: {serviceAccountName: bot, taskSpec: {steps: [{image: i, script: x}]}}
`,
		},
		"TaskRunPending": {
			reason: "A TaskRun can be held back.",
			file: `
apiVersion: tekton.dev/v1
kind: TaskRun
metadata: {name: r}
spec: {status: TaskRunPending, taskSpec: {steps: [{image: i, script: x}]}}
`,
		},
		"PipelineWithoutTasks": {
			reason: "A pipeline can be prepared before it has tasks.",
			file: `
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: p}
spec: {description: later}
`,
			want: []string{`warning: Pipeline/p spec.tasks: the pipeline has no tasks: a run of it succeeds at once, and does nothing`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set := &check.Set{}
			set.Add("file.yaml", []byte(tc.file))
			var got []string
			for _, f := range set.Check() {
				got = append(got, fmt.Sprintf("%s: %s %s: %s", f.Severity, f.Object, f.Field, f.Message))
				if f.Line < 1 || f.Column < 1 {
					t.Errorf("%s has no place", f.Message)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
