package credentials_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/inpod/credentials"
)

// prepared returns the files that credentials become, with the secrets one, two and host.
func prepared(t *testing.T, texts ...string) map[string]string {
	t.Helper()
	all := secrets{}
	for _, name := range []string{"one", "two", "host"} {
		all[name+"/username"], all[name+"/password"] = "user-"+name, "pass-"+name
		all[name+"/ssh-privatekey"], all[name+"/known_hosts"] = "KEY "+name, "git.example ssh-rsa AAAA"
	}
	dir := t.TempDir()
	var stderr bytes.Buffer
	if err := credentials.Prepare(list(t, texts), credentials.Place{Secrets: all.write(t), Dir: dir}, &stderr); err != nil {
		t.Fatal(err)
	}
	return files(t, dir)
}

// TestGitPasswordsByRepository: git finds the password of a repository, whatever the order of the secrets.
func TestGitPasswordsByRepository(t *testing.T) {
	got := prepared(t, "git-basic:one=https://git.example/team/one", "git-basic:host=https://git.example",
		"git-basic:two=http://git.example:8080/two.git/")
	want := "https://user-host:pass-host@git.example\nhttps://user-one:pass-one@git.example/team/one\n" +
		"http://user-two:pass-two@git.example:8080/two.git\n"
	if diff := cmp.Diff(want, got[".git-credentials"]); diff != "" {
		t.Errorf(".git-credentials: -want +got:\n%s", diff)
	}
	want = "[credential]\n\thelper = store\n" +
		"[credential \"https://git.example/team/one\"]\n\tusername = \"user-one\"\n\tuseHttpPath = true\n" +
		"[credential \"https://git.example\"]\n\tusername = \"user-host\"\n" +
		"[credential \"http://git.example:8080/two.git\"]\n\tusername = \"user-two\"\n\tuseHttpPath = true\n"
	if diff := cmp.Diff(want, got[".gitconfig"]); diff != "" {
		t.Errorf(".gitconfig: -want +got:\n%s", diff)
	}
}

// TestGitKeysByRepository: each repository has a separate host in the configuration of ssh, with only its key.
func TestGitKeysByRepository(t *testing.T) {
	const rewrite = "[core]\n\tsshCommand = ssh -F DIR/.ssh/config -o UserKnownHostsFile=DIR/.ssh/known_hosts\n" +
		"[url \"git@git.example-team-one:team/one\"]\n" +
		"\tinsteadOf = git@git.example:team/one\n\tinsteadOf = ssh://git@git.example/team/one\n"
	const host = "Host git.example-team-one\n    HostName git.example\n    IdentityFile DIR/.ssh/id_one\n    IdentitiesOnly yes\n"
	for name, url := range map[string]string{
		"Path":    "git.example/team/one",
		"Suffix":  "git.example/team/one.git",
		"Slash":   "git.example/team/one/",
		"Scheme":  "ssh://git@git.example/team/one.git",
		"OfClone": "git@git.example:team/one.git",
	} {
		t.Run(name, func(t *testing.T) {
			got := prepared(t, "git-ssh:one="+url)
			if diff := cmp.Diff(rewrite, got[".gitconfig"]); diff != "" {
				t.Errorf(".gitconfig: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(host, got[".ssh/config"]); diff != "" {
				t.Errorf(".ssh/config: -want +got:\n%s", diff)
			}
		})
	}
}

// TestGitKeysByRepositoryAndHost: a key for the whole host stays for all other repositories, and repositories whose aliases would
// be the same have two.
func TestGitKeysByRepositoryAndHost(t *testing.T) {
	got := prepared(t, "git-ssh:one=me@git.example:2222/a/b-c", "git-ssh:two=git.example:2222/a-b/c", "git-ssh:host=git.example")
	want := "Host git.example-a-b-c\n    HostName git.example\n    Port 2222\n    IdentityFile DIR/.ssh/id_one\n    IdentitiesOnly yes\n" +
		"Host git.example-a-b-c-2\n    HostName git.example\n    Port 2222\n    IdentityFile DIR/.ssh/id_two\n    IdentitiesOnly yes\n" +
		"Host git.example\n    HostName git.example\n    IdentityFile DIR/.ssh/id_host\n"
	if diff := cmp.Diff(want, got[".ssh/config"]); diff != "" {
		t.Errorf(".ssh/config: -want +got:\n%s", diff)
	}
	for _, rule := range []string{
		"[url \"me@git.example-a-b-c:a/b-c\"]\n\tinsteadOf = me@git.example:a/b-c\n\tinsteadOf = ssh://me@git.example:2222/a/b-c\n",
		"[url \"git@git.example-a-b-c-2:a-b/c\"]\n\tinsteadOf = git@git.example:a-b/c\n\tinsteadOf = ssh://git@git.example:2222/a-b/c\n",
	} {
		if !strings.Contains(got[".gitconfig"], rule) {
			t.Errorf(".gitconfig lacks %q: %s", rule, got[".gitconfig"])
		}
	}
}

// TestURLsStayInTheirLine: whatever a URL is, the files have no line that it has brought along.
func TestURLsStayInTheirLine(t *testing.T) {
	dir := secrets{"one/username": "u", "one/password": "p", "one/ssh-privatekey": "k"}.write(t)
	tries := 0
	rapid.Check(t, func(r *rapid.T) {
		kind := rapid.SampledFrom([]credentials.Kind{credentials.GitBasic, credentials.GitSSH}).Draw(r, "kind")
		part := rapid.SampledFrom([]string{"a", "/", ":", "@", "\n", "\"]", "[x]", " ", "\t", "#", "\\", "22", "://", ".git"})
		url := strings.Join(rapid.SliceOfN(part, 1, 8).Draw(r, "url"), "")
		into := filepath.Join(dir, fmt.Sprintf("files-%d", tries))
		tries++
		if err := os.Mkdir(into, 0o700); err != nil {
			r.Fatal(err)
		}
		c := credentials.Credential{Kind: kind, Secret: "one", URL: url}
		if credentials.Prepare([]credentials.Credential{c}, credentials.Place{Secrets: dir, Dir: into}, &bytes.Buffer{}) != nil {
			return
		}
		for _, name := range []string{".gitconfig", ".ssh/config"} {
			content, err := os.ReadFile(filepath.Join(into, name))
			if err != nil {
				continue
			}
			for line := range strings.Lines(string(content)) {
				known := []string{
					"[credential", "[core]", "[url \"", "\thelper", "\tusername", "\tuseHttpPath", "\tsshCommand", "\tinsteadOf = ",
					"Host ", "    HostName ", "    Port ", "    IdentityFile ", "    IdentitiesOnly ",
				}
				if !slices.ContainsFunc(known, func(begin string) bool { return strings.HasPrefix(line, begin) }) {
					r.Errorf("%q brings the line %q into %s", url, line, name)
				}
			}
		}
	})
}
