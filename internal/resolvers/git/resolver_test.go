package git

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/git/gittest"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

const task = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\n"

// secrets are the Secrets of a namespace, by name.
type secrets map[string]*corev1.Secret

func (s secrets) Secret(_ context.Context, name string) (*corev1.Secret, error) {
	if secret, ok := s[name]; ok {
		return secret, nil
	}
	return nil, resolvers.Failed(nil, "cannot find Secret %q", name)
}

func (secrets) ServiceAccount(context.Context, string) (*corev1.ServiceAccount, error) {
	return &corev1.ServiceAccount{}, nil
}

func secret(name string, kind corev1.SecretType, data map[string]string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Type: kind, Data: map[string][]byte{}}
	for key, value := range data {
		s.Data[key] = []byte(value)
	}
	return s
}

// request returns a request with params, as NAME=VALUE.
func request(t *testing.T, settings map[string]string, known secrets, params ...string) *resolvers.Request {
	t.Helper()
	var list []v1.Param
	for _, param := range params {
		name, value, _ := strings.Cut(param, "=")
		list = append(list, v1.Param{Name: name, Value: v1.StringValue(value)})
	}
	p, err := resolvers.NewParams(list)
	if err != nil {
		t.Fatal(err)
	}
	return &resolvers.Request{Namespace: "team", Params: p, Settings: settings, Secrets: known}
}

// resolve prepares and fetches.
func resolve(t *testing.T, network *outbound.Network, r *resolvers.Request) (*resolvers.Resource, error) {
	t.Helper()
	plan, err := New(Options{Network: network}).Prepare(t.Context(), r)
	if err != nil {
		return nil, err
	}
	return plan.Fetch(t.Context())
}

// TestFetch: each kind of revision leads to the file of its commit, and the answer says where it came from.
func TestFetch(t *testing.T) {
	root := t.TempDir()
	repository := gittest.New(t, root, "catalog.git")
	repository.Write("task/build.yaml", task)
	first := repository.Commit()
	repository.Git("tag", "light")
	repository.Git("tag", "--annotate", "--message=one", "v1.0")
	repository.Git("tag", "--annotate", "--message=two", "nested", "v1.0")
	repository.Write("task/build.yaml", task+"# changed\n")
	repository.Link("alias/build.yaml", "../task/build.yaml")
	repository.Link("folder", "task")
	second := repository.Commit()
	repository.Git("branch", "feature/x")
	repository.Push()
	server := gittest.Serve(t, root)
	network := gittest.Network(map[string]*httptest.Server{gittest.Host: server.Server})
	cases := map[string]struct {
		reason         string
		revision, path string
		commit         string
		content        string
	}{
		"Branch": {
			reason:   "A branch is its last commit.",
			revision: "main",
			path:     "task/build.yaml",
			commit:   second,
			content:  task + "# changed\n",
		},
		"Slash": {
			reason:   "The name of a branch may have a slash.",
			revision: "feature/x",
			path:     "task/build.yaml",
			commit:   second,
			content:  task + "# changed\n",
		},
		"FullName": {
			reason:   "The full name of a reference.",
			revision: "refs/heads/main",
			path:     "task/build.yaml",
			commit:   second,
			content:  task + "# changed\n",
		},
		"HEAD": {
			reason:   "The default branch.",
			revision: "HEAD",
			path:     "task/build.yaml",
			commit:   second,
			content:  task + "# changed\n",
		},
		"LightTag": {
			reason:   "A tag without an object.",
			revision: "light",
			path:     "task/build.yaml",
			commit:   first,
			content:  task,
		},
		"Tag": {
			reason:   "The digest is that of the commit, not of the tag.",
			revision: "v1.0",
			path:     "task/build.yaml",
			commit:   first,
			content:  task,
		},
		"NestedTag": {
			reason:   "A tag of a tag.",
			revision: "nested",
			path:     "task/build.yaml",
			commit:   first,
			content:  task,
		},
		"Commit": {
			reason:   "A commit to which a branch points.",
			revision: second,
			path:     "task/build.yaml",
			commit:   second,
			content:  task + "# changed\n",
		},
		"Upper": {
			reason:   "A commit in upper case.",
			revision: strings.ToUpper(second),
			path:     "task/build.yaml",
			commit:   second,
			content:  task + "# changed\n",
		},
		"OldCommit": {
			reason:   "Nothing points to it, and this server gives no commit by its name.",
			revision: first,
			path:     "task/build.yaml",
			commit:   first,
			content:  task,
		},
		"Slashes": {
			reason:   "A slash at the beginning is that of the repository.",
			revision: "main",
			path:     "/task//./build.yaml",
			commit:   second,
			content:  task + "# changed\n",
		},
		"Link": {
			reason:   "A link within the repository is followed.",
			revision: "main",
			path:     "alias/build.yaml",
			commit:   second,
			content:  task + "# changed\n",
		},
		"FolderLink": {
			reason:   "A link to a folder, too.",
			revision: "main",
			path:     "folder/build.yaml",
			commit:   second,
			content:  task + "# changed\n",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := resolve(t, network, request(t, nil, nil, "url=https://"+gittest.Host+"/catalog.git", "revision="+tc.revision,
				"pathInRepo="+tc.path))
			if err != nil {
				t.Fatalf("%s\n%v: %v", tc.reason, err, cause(err))
			}
			if string(got.Content) != tc.content || got.Source.Digest["sha1"] != tc.commit {
				t.Errorf("%s\nwant %q of commit %s, got %q of %v", tc.reason, tc.content, tc.commit, got.Content, got.Source)
			}
			if want := "git+https://" + gittest.Host + "/catalog.git"; got.Source.URI != want {
				t.Errorf("want URI %q, got %q", want, got.Source.URI)
			}
		})
	}
}

// cause returns the cause of an error, which is for the log.
func cause(err error) error { return errors.Unwrap(err) }
