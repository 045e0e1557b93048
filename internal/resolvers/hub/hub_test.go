package hub_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/resolvers/hub"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
	"github.com/sluice-ci/sluice/test/testutil/internet"
	"github.com/sluice-ci/sluice/test/testutil/resolving"
)

const task = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: golang-build}\n"

func encoded(text string) string {
	all, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(all)
}

// artifactHub answers as Artifact Hub does, with the parts of its answers that matter and some that do not.
func artifactHub(answers map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"message":"not found"}`)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}
}

func packageOf(manifest string) string {
	return `{"package_id":"f1","name":"golang-build","version":"0.5.0","readme":"# Build","data":{"manifestRaw":` + encoded(manifest) +
		`,"pipelines.minVersion":"0.12.1"},"repository":{"kind":7,"name":"tekton-catalog-tasks"}}`
}

const versions = `{"name":"golang-build","available_versions":[{"version":"0.5.0","prerelease":false,"ts":1},{"version":"0.7.1","ts":2},
	{"version":"0.10.0","ts":3},{"version":"2.0.0","ts":4},{"version":"3.0.0-rc.1","prerelease":true,"ts":5},{"version":"nightly","ts":6}]}`

func TestArtifactHub(t *testing.T) {
	const place = "/api/v1/packages/tekton-task/tekton-catalog-tasks/golang-build"
	cases := map[string]struct {
		reason   string
		params   map[string]string
		settings map[string]string
		// read is the path of the definition, and says what is in the message if there is none.
		read, says string
	}{
		"Version": {
			reason: "The defaults are those of the public hub.",
			params: map[string]string{"name": "golang-build", "version": "0.5.0"},
			read:   place + "/0.5.0",
		},
		"ShortVersion": {
			reason: "Artifact Hub has three numbers.",
			params: map[string]string{"name": "golang-build", "version": "0.5"},
			read:   place + "/0.5.0",
		},
		"Constraint": {
			reason: "The highest version that satisfies it, compared as numbers.",
			params: map[string]string{"name": "golang-build", "version": ">= 0.7.0, < 2.0.0"},
			read:   place + "/0.10.0",
		},
		"Unbounded": {
			reason: "A release candidate is no release.",
			params: map[string]string{"name": "golang-build", "version": ">= 0.5"},
			read:   place + "/2.0.0",
		},
		"NoVersionFits": {
			reason: "The constraint is named.",
			params: map[string]string{"name": "golang-build", "version": "> 9"},
			says:   `no hub has version "> 9" of task "golang-build" in catalog "tekton-catalog-tasks"`,
		},
		"Pipeline": {
			reason: "Pipelines have a catalog of their own.",
			params: map[string]string{"name": "build", "kind": "pipeline", "version": "0.1.0"},
			read:   "/api/v1/packages/tekton-pipeline/tekton-catalog-pipelines/build/0.1.0",
		},
		"Catalog": {
			reason: "Another catalog can be named.",
			params: map[string]string{"name": "golang-build", "version": "0.5.0", "catalog": "own"},
			read:   "/api/v1/packages/tekton-task/own/golang-build/0.5.0",
		},
		"CatalogOfSettings": {
			reason:   "Or be a setting.",
			params:   map[string]string{"name": "golang-build", "version": "0.5.0"},
			settings: map[string]string{"default-artifact-hub-task-catalog": "own"},
			read:     "/api/v1/packages/tekton-task/own/golang-build/0.5.0",
		},
		"NotFound": {
			reason: "What is missing is named.",
			params: map[string]string{"name": "absent", "version": "0.5.0"},
			says:   `no hub has version "0.5.0" of task "absent"`,
		},
		"WrongVersion": {
			reason: "Neither a version nor a constraint.",
			params: map[string]string{"name": "golang-build", "version": "latest"},
			says:   `"latest" is neither a version, such as 0.5.0, nor a constraint, such as >= 0.5.0`,
		},
		"WrongKind": {
			reason: "Kinds are known.",
			params: map[string]string{"name": "golang-build", "version": "0.5.0", "kind": "job"},
			says:   `cannot use param "kind": it is "job", want one of task, pipeline, stepaction`,
		},
		"Path": {
			reason: "A name is no path.",
			params: map[string]string{"name": "../../x", "version": "0.5.0"},
			says:   `cannot use param "name"`,
		},
		"NoManifest": {
			reason: "A package of another sort has no manifest.",
			params: map[string]string{"name": "empty", "version": "0.5.0"},
			says:   `it has no manifest of task "empty"`,
		},
		"NotAHub": {
			reason: "The text of another server is not repeated.",
			params: map[string]string{"name": "login", "version": "0.5.0"},
			says:   `cannot use the answer of hub "artifacthub.io": it is not the answer of a hub`,
		},
	}
	answers := map[string]string{
		place:            versions,
		place + "/0.5.0": packageOf(task), place + "/0.10.0": packageOf(task), place + "/2.0.0": packageOf(task),
		"/api/v1/packages/tekton-pipeline/tekton-catalog-pipelines/build/0.1.0": packageOf(task),
		"/api/v1/packages/tekton-task/own/golang-build/0.5.0":                   packageOf(task),
		"/api/v1/packages/tekton-task/tekton-catalog-tasks/empty/0.5.0":         `{"data":{}}`,
		"/api/v1/packages/tekton-task/tekton-catalog-tasks/login/0.5.0":         "<html>Sign in</html>",
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			world := internet.New()
			world.Serve(t, "artifacthub.io", "93.184.216.34", artifactHub(answers))
			call(t, world, tc.reason, tc.params, tc.settings, "https://artifacthub.io"+tc.read, tc.says)
		})
	}
}

// call calls the resolver, and checks the source of the definition, or the message.
func call(t *testing.T, world *internet.Internet, reason string, params, settings map[string]string, uri, says string) {
	t.Helper()
	resolver := hub.New(outbound.New(outbound.Options{Machine: world.Machine(), TLS: world.TLS()}))
	_, resource, err := resolving.Call(t.Context(), resolver, resolving.Params(params), settings, nil)
	if says != "" {
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "Sign in") {
			t.Errorf("%s\nwant error with %q, got %v", reason, says, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("%s\nunexpected error %v; requests: %v", reason, err, world.Requests())
	}
	if string(resource.Content) != task || resource.Source.URI != uri {
		t.Errorf("%s\nwant the definition of %s, got %q of %s", reason, uri, resource.Content, resource.Source.URI)
	}
}

func TestTektonHub(t *testing.T) {
	const place = "/v1/resource/Tekton/task/golang-build"
	answers := map[string]string{
		place: `{"data":{"id":5,"name":"golang-build",` +
			`"versions":[{"id":1,"version":"0.1"},{"id":2,"version":"0.3"},{"id":3,"version":"0.2"}]}}`,
		place + "/0.3/yaml": `{"data":{"yaml":` + encoded(task) + `}}`,
	}
	urls := map[string]string{"tekton-hub-urls": "https://hub.example.com"}
	cases := map[string]struct {
		reason           string
		version          string
		settings, params map[string]string
		says             string
	}{
		"Version":     {reason: "Tekton Hub has two numbers.", version: "0.3", settings: urls},
		"FullVersion": {reason: "Three mean the same.", version: "0.3.0", settings: urls},
		"Constraint":  {reason: "The highest version.", version: ">= 0.1", settings: urls},
		"OwnURL": {
			reason:  "A request can name its hub.",
			version: "0.3",
			params:  map[string]string{"url": "https://hub.example.com"},
		},
		"NoURL": {
			reason:  "There is no public one.",
			version: "0.3",
			says:    `cannot find a hub of type "tekton": give param "url", or set tekton-hub-urls`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			world := internet.New()
			world.Serve(t, "hub.example.com", "93.184.216.34", artifactHub(answers))
			params := map[string]string{"type": "tekton", "name": "golang-build", "version": tc.version}
			maps.Copy(params, tc.params)
			call(t, world, tc.reason, params, tc.settings, "https://hub.example.com"+place+"/0.3/yaml", tc.says)
		})
	}
}

func failing(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

// TestSeveralHubs: the next hub is asked only if the one before it does not have the definition. Were it asked because the one
// before is away, an attacker who stops an internal hub could choose the definition.
func TestSeveralHubs(t *testing.T) {
	const path = "/api/v1/packages/tekton-task/tekton-catalog-tasks/golang-build/0.5.0"
	cases := map[string]struct {
		reason string
		inside http.HandlerFunc
		// asked reports that the public hub is asked.
		asked bool
		says  string
	}{
		"Has":    {reason: "The first hub has it.", inside: artifactHub(map[string]string{path: packageOf(task)})},
		"HasNot": {reason: "The second one is for what the first does not have.", inside: artifactHub(nil), asked: true},
		"Refuses": {
			reason: "An error is not an absence.",
			inside: failing(http.StatusForbidden),
			says:   "refuses access",
		},
		"Away": {
			reason: "An error is not an absence.",
			inside: failing(http.StatusBadGateway),
			says:   "cannot answer now",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			world := internet.New()
			world.Serve(t, "hub.example.com", "93.184.216.34", tc.inside)
			world.Serve(t, "artifacthub.io", "93.184.216.35", artifactHub(map[string]string{path: packageOf(task)}))
			uri := "https://hub.example.com" + path
			if tc.asked {
				uri = "https://artifacthub.io" + path
			}
			settings := map[string]string{"artifact-hub-urls": "- https://hub.example.com\n- https://artifacthub.io\n"}
			call(t, world, tc.reason, map[string]string{"name": "golang-build", "version": "0.5.0"}, settings, uri, tc.says)
			asked := slices.ContainsFunc(world.Requests(), func(r string) bool { return strings.Contains(r, "artifacthub.io") })
			if asked != tc.asked {
				t.Errorf("%s\nthe public hub was asked: %t, want %t", tc.reason, asked, tc.asked)
			}
		})
	}
}
