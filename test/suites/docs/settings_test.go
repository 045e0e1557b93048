package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// settingsFolders are the folders with the ConfigMaps of an installation, by its namespace.
func settingsFolders() map[string]string {
	return map[string]string{
		"tekton-pipelines": root + "/config/flags",
		"sluice-system":    root + "/config/coexist/settings",
	}
}

// installed reports whether a folder of kustomize has the ConfigMap with a name, in a file with this name.
func installed(t *testing.T, folder, name string) bool {
	t.Helper()
	var list struct{ Resources []string }
	if err := yaml.Unmarshal([]byte(read(t, folder+"/kustomization.yaml")), &list); err != nil {
		t.Fatal(err)
	}
	for _, file := range list.Resources {
		if file == name+".yaml" {
			return strings.Contains(read(t, folder+"/"+file), "\n  name: "+name+"\n")
		}
	}
	return false
}

// TestPatchedSettingsExist: a ConfigMap that a page patches must exist after an installation, because kubectl patch creates none.
func TestPatchedSettingsExist(t *testing.T) {
	patch := regexp.MustCompile(`kubectl patch (?:cm|configmap) (\S+) -n (\S+)`)
	found := 0
	for _, page := range markdown(t) {
		for _, match := range patch.FindAllStringSubmatch(read(t, page), -1) {
			found++
			name, namespace := match[1], match[2]
			folder, ok := settingsFolders()[namespace]
			if !ok || !installed(t, folder, name) {
				t.Errorf("%s patches ConfigMap %s in namespace %s, which no installation has", page, name, namespace)
			}
		}
	}
	const least = 12
	if found < least {
		t.Errorf("want at least %d commands, got %d", least, found)
	}
}

// TestEverySettingIsListed: each file of config/flags is in its list, and docs/settings.md names its ConfigMap.
func TestEverySettingIsListed(t *testing.T) {
	const folder = root + "/config/flags"
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, root+"/docs/settings.md")
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".yaml")
		if !ok || name == "kustomization" {
			continue
		}
		if !installed(t, folder, name) {
			t.Errorf("config/flags/kustomization.yaml does not list %s, or the file has another ConfigMap", entry.Name())
		}
		if !strings.Contains(page, "| `"+name+"` |") {
			t.Errorf("docs/settings.md does not list the ConfigMap %s", name)
		}
	}
}
