package credentials_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/inpod/credentials"
)

func TestParse(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		want   credentials.Credential
		fails  bool
	}{
		"Git": {
			reason: "A secret for a host.",
			text:   "git-basic:s=https://a=b",
			want:   credentials.Credential{Kind: credentials.GitBasic, Secret: "s", URL: "https://a=b"},
		},
		"Config": {
			reason: "A secret that names hosts itself.",
			text:   "docker-config:s",
			want:   credentials.Credential{Kind: credentials.DockerConfig, Secret: "s"},
		},
		"Unknown": {
			reason: "There are five kinds.",
			text:   "netrc:s=x",
			fails:  true,
		},
		"NoURL": {
			reason: "A user and a password are for one host.",
			text:   "docker-basic:s",
			fails:  true,
		},
		"URL": {
			reason: "A configuration is not.",
			text:   "docker-cfg:s=x",
			fails:  true,
		},
		"NoSecret": {
			reason: "A secret has a name.",
			text:   "docker-cfg:",
			fails:  true,
		},
		"Above": {
			reason: "The name of a secret is not a path.",
			text:   "docker-cfg:..",
			fails:  true,
		},
		"Path": {
			reason: "The name of a secret is not a path.",
			text:   "docker-cfg:a/b",
			fails:  true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := credentials.Parse(tc.text)
			if (err != nil) != tc.fails || got != tc.want {
				t.Errorf("%s\nParse(%q): got %+v, %v", tc.reason, tc.text, got, err)
			}
			if !tc.fails && got.String() != tc.text {
				t.Errorf("%s\nString(): want %q, got %q", tc.reason, tc.text, got)
			}
		})
	}
}

// secrets are the keys of secrets, by SECRET/KEY.
type secrets map[string]string

func (s secrets) write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for path, content := range s {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// files returns the files in a directory, and checks that no other user can read them.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others can read %s: mode %v, error %v", path, info.Mode(), err)
		}
		if d.IsDir() {
			return nil
		}
		b, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, dir+"/")] = strings.ReplaceAll(string(b), dir, "DIR")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestPrepare(t *testing.T) {
	const sectionStore = "[credential]\n\thelper = store\n"
	user := secrets{"u/username": "user", "u/password": "pa:s/@ %"}
	key := secrets{"k/ssh-privatekey": "KEY", "k/known_hosts": "host ssh-rsa AAAA", "blind/ssh-privatekey": "OTHER\n"}
	registry := secrets{
		"j/.dockerconfigjson": `{"auths":{"r.example":{"auth":"eA=="},"both":{"auth":"j"}},"credHelpers":{"x":"y"}}`,
		"c/.dockercfg":        `{"c.example":{"auth":"eQ=="},"both":{"auth":"c"}}`,
		"d/username":          "u", "d/password": "p",
	}
	cases := map[string]struct {
		reason  string
		secrets secrets
		list    []string
		want    map[string]string
	}{
		"None": {
			reason: "Without credentials there are no files.",
			want:   map[string]string{},
		},
		"GitBasic": {
			reason:  "A user and a password are kept in the form of git's store, whatever characters they have.",
			secrets: user,
			list:    []string{"git-basic:u=https://git.example", "git-basic:u=http://other.example:8080/"},
			want: map[string]string{
				".gitconfig": sectionStore + "[credential \"https://git.example\"]\n\tusername = \"user\"\n" +
					"[credential \"http://other.example:8080\"]\n\tusername = \"user\"\n",
				".git-credentials": "https://user:pa%3As%2F%40%20%25@git.example\nhttp://user:pa%3As%2F%40%20%25@other.example:8080\n",
			},
		},
		"GitSSH": {
			reason:  "A key is for one host or for several, and known hosts are checked.",
			secrets: key,
			list:    []string{"git-ssh:k=git.example", "git-ssh:k=git@other.example:2222"},
			want: map[string]string{
				".gitconfig":       "[core]\n\tsshCommand = ssh -F DIR/.ssh/config -o UserKnownHostsFile=DIR/.ssh/known_hosts\n",
				".ssh/id_k":        "KEY\n",
				".ssh/known_hosts": "host ssh-rsa AAAA\n",
				".ssh/config": "Host git.example\n    HostName git.example\n    IdentityFile DIR/.ssh/id_k\n" +
					"Host other.example\n    HostName other.example\n    Port 2222\n    IdentityFile DIR/.ssh/id_k\n",
			},
		},
		"BlindSSH": {
			reason:  "Without known hosts the first key of a host is accepted.",
			secrets: key,
			list:    []string{"git-ssh:blind=ssh://git.example/"},
			want: map[string]string{
				".gitconfig":    "[core]\n\tsshCommand = ssh -F DIR/.ssh/config -o StrictHostKeyChecking=accept-new\n",
				".ssh/id_blind": "OTHER\n",
				".ssh/config":   "Host git.example\n    HostName git.example\n    IdentityFile DIR/.ssh/id_blind\n",
			},
		},
		"Docker": {
			reason:  "All configurations come together; a user and a password for one registry win, then the newer form.",
			secrets: registry,
			list:    []string{"docker-basic:d=both", "docker-cfg:c", "docker-config:j"},
			want: map[string]string{
				".docker/config.json": `{"auths":{"both":{"auth":"dTpw"},"c.example":{"auth":"eQ=="},` +
					`"r.example":{"auth":"eA=="}},"credHelpers":{"x":"y"}}`,
			},
		},
		"DockerOrder": {
			reason:  "Of two configurations the newer form wins.",
			secrets: registry,
			list:    []string{"docker-cfg:c", "docker-config:j"},
			want: map[string]string{
				".docker/config.json": `{"auths":{"both":{"auth":"j"},"c.example":{"auth":"eQ=="},` +
					`"r.example":{"auth":"eA=="}},"credHelpers":{"x":"y"}}`,
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir, home := t.TempDir(), t.TempDir()
			var stderr bytes.Buffer
			err := credentials.Prepare(list(t, tc.list),
				credentials.Place{Secrets: tc.secrets.write(t), Dir: dir, Homes: []string{home, ""}}, &stderr)
			if err != nil || stderr.Len() > 0 {
				t.Fatalf("%s\nerror %v, output %q", tc.reason, err, &stderr)
			}
			if diff := cmp.Diff(tc.want, files(t, dir)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			for path, content := range tc.want {
				b, err := os.ReadFile(filepath.Join(home, path))
				if got := strings.ReplaceAll(string(b), dir, "DIR"); err != nil || got != content {
					t.Errorf("%s\nin the home directory %s is %q, error %v", tc.reason, path, got, err)
				}
			}
		})
	}
}

func list(t *testing.T, texts []string) []credentials.Credential {
	t.Helper()
	var parsed []credentials.Credential
	for _, text := range texts {
		c, err := credentials.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, c)
	}
	return parsed
}

// A secret that cannot be used is named, with its key, and nothing of what it holds.
func TestPrepareErrors(t *testing.T) {
	const hidden = "hidden"
	cases := map[string]struct {
		reason  string
		secrets secrets
		list    string
		want    []string
	}{
		"NoPassword": {
			reason:  "A password is needed.",
			secrets: secrets{"s/username": hidden},
			list:    "git-basic:s=https://x",
			want:    []string{`"s"`, `"password"`},
		},
		"NoUser": {
			reason:  "So is a user.",
			secrets: secrets{"s/password": hidden},
			list:    "docker-basic:s=https://x",
			want:    []string{`"s"`, `"username"`},
		},
		"NoKey": {
			reason:  "So is a key.",
			secrets: secrets{"s/known_hosts": hidden},
			list:    "git-ssh:s=x",
			want:    []string{`"s"`, `"ssh-privatekey"`},
		},
		"NoSecret": {
			reason: "A secret may be gone.",
			list:   "docker-config:s",
			want:   []string{`"s"`, ".dockerconfigjson"},
		},
		"NotJSON": {
			reason:  "A configuration is JSON.",
			secrets: secrets{"s/.dockerconfigjson": hidden},
			list:    "docker-config:s",
			want:    []string{`"s"`, ".dockerconfigjson"},
		},
		"NoAuths": {
			reason:  "Its parts are objects.",
			secrets: secrets{"s/.dockerconfigjson": `{"auths":"` + hidden + `"}`},
			list:    "docker-config:s",
			want:    []string{`"s"`},
		},
		"NotJSONCfg": {
			reason:  "The older form is JSON, too.",
			secrets: secrets{"s/.dockercfg": "{" + hidden},
			list:    "docker-cfg:s",
			want:    []string{`"s"`, ".dockercfg"},
		},
		"InjectedURL": {
			reason:  "A host is not a piece of a configuration.",
			secrets: secrets{"s/username": "u", "s/password": hidden},
			list:    "git-basic:s=https://x\"]\n[core]",
			want:    []string{`"s"`, "URL"},
		},
		"InjectedHost": {
			reason:  "A host is not a piece of a configuration.",
			secrets: secrets{"s/ssh-privatekey": hidden},
			list:    "git-ssh:s=x\n    ProxyCommand y",
			want:    []string{`"s"`, "HOST"},
		},
		"Port": {
			reason:  "A port is a number.",
			secrets: secrets{"s/ssh-privatekey": hidden},
			list:    "git-ssh:s=x:y",
			want:    []string{`"s"`, "HOST:PORT"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			dir := t.TempDir()
			err := credentials.Prepare(list(t, []string{tc.list}), credentials.Place{Secrets: tc.secrets.write(t), Dir: dir}, &stderr)
			if err == nil {
				t.Fatalf("%s\nthere is no error", tc.reason)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%s\nerror %q lacks %q", tc.reason, err, part)
				}
			}
			if strings.Contains(err.Error()+stderr.String(), hidden) {
				t.Errorf("%s\nwhat the secret holds is told: %v, %s", tc.reason, err, &stderr)
			}
		})
	}
}

// What cannot be put into the home directory is still where it was made.
func TestHomeThatCannotBeWritten(t *testing.T) {
	s := secrets{"u/username": "user", "u/password": "password"}
	dir := t.TempDir()
	var stderr bytes.Buffer
	place := credentials.Place{Secrets: s.write(t), Dir: dir, Homes: []string{"/proc/nowhere", "/proc/elsewhere"}}
	if err := credentials.Prepare(list(t, []string{"git-basic:u=https://x"}), place, &stderr); err != nil {
		t.Fatal(err)
	}
	if len(files(t, dir)) != 2 {
		t.Error("the files are not there")
	}
	if out := stderr.String(); !strings.Contains(out, `"/proc/nowhere"`) || strings.Contains(out, "elsewhere") ||
		strings.Contains(out, "password") {
		t.Errorf("want one warning that names the home directory of the environment, got %q", out)
	}
}

func TestHomeOf(t *testing.T) {
	const passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nuser:x:1000:1000::/home/user:/bin/sh\n"
	for uid, want := range map[int]string{0: "/root", 1000: "/home/user", 7: ""} {
		if got := credentials.HomeOf(strings.NewReader(passwd), uid); got != want {
			t.Errorf("home of %d: want %q, got %q", uid, want, got)
		}
	}
}
