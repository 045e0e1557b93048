package run

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
)

// workspaceForms lists the forms of -w, for messages.
const workspaceForms = "-w NAME=emptyDir, NAME=claim/CLAIM, NAME=new/1Gi, NAME=configMap/MAP or " +
	"NAME=secret/SECRET, each also with ,subPath=FOLDER"

// parseWorkspace parses one -w flag into a binding of the API.
func parseWorkspace(text string) (map[string]any, error) {
	name, source, found := strings.Cut(text, "=")
	if !found || name == "" || source == "" {
		return nil, clierror.New(fmt.Sprintf("cannot parse -w %q", text), workspaceForms)
	}
	binding := map[string]any{"name": name}
	source, option, found := strings.Cut(source, ",")
	if found {
		folder, ok := strings.CutPrefix(option, "subPath=")
		if !ok || folder == "" {
			return nil, clierror.New(fmt.Sprintf("cannot parse option %q of -w %q", option, text), workspaceForms)
		}
		binding["subPath"] = folder
	}
	kind, of, _ := strings.Cut(source, "/")
	switch {
	case strings.EqualFold(kind, "emptyDir") && of == "":
		binding["emptyDir"] = map[string]any{}
	case strings.EqualFold(kind, "claim") && of != "":
		binding["persistentVolumeClaim"] = map[string]any{"claimName": of}
	case strings.EqualFold(kind, "configMap") && of != "":
		binding["configMap"] = map[string]any{"name": of}
	case strings.EqualFold(kind, "secret") && of != "":
		binding["secret"] = map[string]any{"secretName": of}
	case strings.EqualFold(kind, "new") && of != "":
		if _, err := resource.ParseQuantity(of); err != nil {
			return nil, clierror.Hint(fmt.Errorf("cannot parse size %q of -w %q: %w", of, text, err), "-w "+name+"=new/1Gi")
		}
		binding["volumeClaimTemplate"] = map[string]any{"spec": map[string]any{
			"accessModes": []any{"ReadWriteOnce"},
			"resources":   map[string]any{"requests": map[string]any{"storage": of}},
		}}
	default:
		return nil, clierror.New(fmt.Sprintf("cannot parse volume %q of -w %q", source, text), workspaceForms)
	}
	return binding, nil
}

// setWorkspaces sets the workspaces of a run, and replaces existing ones of the same name.
func setWorkspaces(run *unstructured.Unstructured, flags []string) error {
	list, _, err := unstructured.NestedSlice(run.Object, "spec", "workspaces")
	if err != nil {
		return fmt.Errorf("cannot read spec.workspaces of the run: %w", err)
	}
	for _, text := range flags {
		binding, err := parseWorkspace(text)
		if err != nil {
			return err
		}
		list = put(list, fmt.Sprint(binding["name"]), binding)
	}
	return unstructured.SetNestedSlice(run.Object, list, "spec", "workspaces")
}
