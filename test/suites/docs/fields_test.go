package docs

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// pagesOfFields is the folder of the pages that describe every field.
const pagesOfFields = root + "/docs/spec/v1/"

// section is the section of a page that describes a type's fields.
type section struct{ page, heading string }

// sections are those of all types in a Task, a TaskRun, a StepAction or a CustomRun.
func sections() map[reflect.Type]section {
	const task, run, action, custom = "task.md", "taskrun.md", "stepaction.md", "customrun.md"
	return map[reflect.Type]section{
		reflect.TypeFor[v1.Task]():                 {page: task, heading: "### The Task"},
		reflect.TypeFor[v1.TaskSpec]():             {page: task, heading: "### The Task"},
		reflect.TypeFor[v1.ParamSpec]():            {page: task, heading: "### Params"},
		reflect.TypeFor[v1.PropertySpec]():         {page: task, heading: "### Params"},
		reflect.TypeFor[v1.TaskResult]():           {page: task, heading: "### Results"},
		reflect.TypeFor[v1.WorkspaceDeclaration](): {page: task, heading: "### Workspaces"},
		reflect.TypeFor[v1.Step]():                 {page: task, heading: "### Steps"},
		reflect.TypeFor[v1.WorkspaceUsage]():       {page: task, heading: "### Steps"},
		reflect.TypeFor[v1.StepOutputConfig]():     {page: task, heading: "### Steps"},
		reflect.TypeFor[v1.StepResult]():           {page: task, heading: "#### Step results"},
		reflect.TypeFor[v1.WhenExpression]():       {page: task, heading: "#### When"},
		reflect.TypeFor[v1.StepRef]():              {page: task, heading: "#### Ref"},
		reflect.TypeFor[v1.StepTemplate]():         {page: task, heading: "### Step template"},
		reflect.TypeFor[v1.Sidecar]():              {page: task, heading: "### Sidecars"},
		reflect.TypeFor[v1.TaskRun]():              {page: run, heading: "### The run"},
		reflect.TypeFor[v1.TaskRunSpec]():          {page: run, heading: "### The run"},
		reflect.TypeFor[v1.Param]():                {page: run, heading: "### The run"},
		reflect.TypeFor[v1.TaskRunStepSpec]():      {page: run, heading: "### The run"},
		reflect.TypeFor[v1.TaskRunSidecarSpec]():   {page: run, heading: "### The run"},
		reflect.TypeFor[v1.TaskRef]():              {page: run, heading: "### taskRef"},
		reflect.TypeFor[v1.WorkspaceBinding]():     {page: run, heading: "### Workspaces"},
		reflect.TypeFor[v1.PodTemplate]():          {page: run, heading: "### Pod template"},
		reflect.TypeFor[v1.TaskRunDebug]():         {page: run, heading: "### Breakpoints"},
		reflect.TypeFor[v1.TaskBreakpoints]():      {page: run, heading: "### Breakpoints"},
		reflect.TypeFor[v1.TaskRunStatus]():        {page: run, heading: "## Status"},
		reflect.TypeFor[v1.TaskRunAttempt]():       {page: run, heading: "## Status"},
		reflect.TypeFor[v1.TaskRunResult]():        {page: run, heading: "## Status"},
		reflect.TypeFor[v1.StepState]():            {page: run, heading: "## Status"},
		reflect.TypeFor[v1.SidecarState]():         {page: run, heading: "## Status"},
		reflect.TypeFor[v1.Provenance]():           {page: run, heading: "## Status"},
		reflect.TypeFor[v1.RefSource]():            {page: run, heading: "## Status"},
		reflect.TypeFor[v1.FeatureFlags]():         {page: run, heading: "## Status"},
		reflect.TypeFor[v1.Artifacts]():            {page: run, heading: "## Status"},
		reflect.TypeFor[v1.Artifact]():             {page: run, heading: "## Status"},
		reflect.TypeFor[v1.ArtifactValue]():        {page: run, heading: "## Status"},
		reflect.TypeFor[v1beta1.StepAction]():      {page: action, heading: "## Writing"},
		reflect.TypeFor[v1beta1.StepActionSpec]():  {page: action, heading: "## Writing"},

		reflect.TypeFor[v1beta1.CustomRun]():             {page: custom, heading: "## Writing"},
		reflect.TypeFor[v1beta1.CustomRunSpec]():         {page: custom, heading: "## Writing"},
		reflect.TypeFor[v1beta1.CustomRef]():             {page: custom, heading: "## Writing"},
		reflect.TypeFor[v1beta1.EmbeddedCustomRunSpec](): {page: custom, heading: "## Writing"},
		reflect.TypeFor[v1.PipelineTaskMetadata]():       {page: custom, heading: "## Writing"},
		reflect.TypeFor[v1beta1.CustomRunStatus]():       {page: custom, heading: "## Status"},
		reflect.TypeFor[v1beta1.Condition]():             {page: custom, heading: "## Status"},
		reflect.TypeFor[v1beta1.CustomRunResult]():       {page: custom, heading: "## Status"},
	}
}

// TestEveryFieldIsDocumented: the page must describe every field, in the section of its type.
func TestEveryFieldIsDocumented(t *testing.T) {
	all := sections()
	for of, at := range all {
		has := words(cut(t, at))
		for _, name := range fields(of) {
			if _, ok := has[name]; !ok {
				t.Errorf("%s, %q, does not describe the field %s of %s", at.page, at.heading, name, of)
			}
		}
	}
	for of := range reachable(reflect.TypeFor[v1.Task](), reflect.TypeFor[v1.TaskRun](), reflect.TypeFor[v1beta1.StepAction](),
		reflect.TypeFor[v1beta1.CustomRun]()) {
		if _, ok := all[of]; !ok {
			t.Errorf("no page describes %s", of)
		}
	}
}

// TestDocumentedFieldsExist: a field in the first column of a table must be a field of a type of that page.
func TestDocumentedFieldsExist(t *testing.T) {
	known := map[string]map[string]struct{}{}
	for of, at := range sections() {
		if known[at.page] == nil {
			known[at.page] = map[string]struct{}{}
		}
		for _, name := range slices.Concat(fields(of), inherited(of)) {
			known[at.page][name] = struct{}{}
		}
	}
	for page, names := range known {
		inTable := false
		for line := range strings.Lines(read(t, pagesOfFields+page)) {
			inTable = strings.HasPrefix(line, "| field ") || inTable && strings.HasPrefix(line, "|")
			if !inTable {
				continue
			}
			first, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
			for _, path := range quoted(first) {
				if name := path[strings.LastIndex(path, ".")+1:]; !contained(names, name) {
					t.Errorf("%s describes a field %s, which no type of the page has", page, path)
				}
			}
		}
	}
}

func contained(set map[string]struct{}, name string) bool {
	_, ok := set[name]
	return ok
}

// cut returns a section of a page, up to the next heading.
func cut(t *testing.T, at section) string {
	t.Helper()
	_, text, ok := strings.Cut(read(t, pagesOfFields+at.page), "\n"+at.heading+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", at.page, at.heading)
	}
	if end := regexp.MustCompile(`(?m)^##+ `).FindStringIndex(text); end != nil {
		text = text[:end[0]]
	}
	return text
}

// words returns the words between backquotes.
func words(text string) map[string]struct{} {
	all := map[string]struct{}{}
	for _, code := range quoted(text) {
		for _, word := range regexp.MustCompile(`\w+`).FindAllString(code, -1) {
			all[word] = struct{}{}
		}
	}
	return all
}

// ours reports whether a type belongs to this project's API.
func ours(t reflect.Type) bool {
	return strings.HasPrefix(t.PkgPath(), "github.com/sluice-ci/sluice/api/")
}

// jsonName returns the name of a field in JSON, or "" for an embedded struct.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// fields returns the fields of a struct by their names in JSON, without those of embedded Kubernetes types.
func fields(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		switch name := jsonName(f); {
		case name != "":
			names = append(names, name)
		case ours(f.Type):
			names = append(names, fields(f.Type)...)
		}
	}
	return names
}

// inherited returns the fields that a struct has from a Kubernetes type.
func inherited(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		if jsonName(f) == "" && !ours(f.Type) {
			for inner := range f.Type.Fields() {
				names = append(names, jsonName(inner))
			}
		}
	}
	return names
}

// reachable returns the structs of this project's API that an object of the given types can contain. A value with a custom
// encoding, such as that of a param, is a text, a list or a map for its user.
func reachable(from ...reflect.Type) map[reflect.Type]struct{} {
	all := map[reflect.Type]struct{}{}
	for _, t := range from {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
			t = t.Elem()
		}
		if _, seen := all[t]; seen || t.Kind() != reflect.Struct || !ours(t) || t == reflect.TypeFor[v1.Value]() {
			continue
		}
		all[t] = struct{}{}
		for f := range t.Fields() {
			maps.Copy(all, reachable(f.Type))
		}
	}
	delete(all, reflect.TypeFor[v1.ResolverRef]()) // its fields are in the structs that embed it
	return all
}

// TestEveryReasonOfATaskRunIsDocumented: the page must explain every reason.
func TestEveryReasonOfATaskRunIsDocumented(t *testing.T) {
	has := words(cut(t, section{"taskrun.md", "### Reasons"}))
	for name, reason := range reasons(t) {
		if strings.HasPrefix(name, "TaskRunReason") && !contained(has, reason) {
			t.Errorf("taskrun.md does not explain %s, %q", name, reason)
		}
	}
}
