//go:build linux

package credentials

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// render returns the files for the credentials, in the order in which to create them.
func render(list []Credential, place Place) ([]file, error) {
	r := renderer{place: place, aliases: map[string]string{}}
	for _, c := range list {
		var err error
		switch c.Kind {
		case GitBasic:
			err = r.gitBasic(c)
		case GitSSH:
			err = r.gitSSH(c)
		case DockerBasic, DockerConfig, DockerCfg:
			r.docker = append(r.docker, c)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := r.dockerConfig(); err != nil {
		return nil, err
	}
	return r.finish(), nil
}

type renderer struct {
	place Place
	files []file

	hosts        strings.Builder // sections of .gitconfig
	credentials  strings.Builder // lines of .git-credentials for whole hosts
	repositories strings.Builder // and those for repositories, which stand behind them
	ssh          strings.Builder // .ssh/config
	rewrites     strings.Builder // sections of .gitconfig that lead from repositories to the hosts of .ssh/config
	aliases      map[string]string
	knownHosts   strings.Builder
	keys         []string // secrets whose keys have been written
	blind        bool     // a secret has no known_hosts
	docker       []Credential
}

// basic returns the user and the password of a secret.
func (r *renderer) basic(c Credential) (user, password string, err error) {
	u, err := r.place.key(c, "username", false)
	if err != nil {
		return "", "", err
	}
	p, err := r.place.key(c, "password", false)
	return string(u), string(p), err
}

// quoted returns a value in the syntax of .gitconfig.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\r", "").Replace(s) + `"`
}

// percent returns a user or a password in the encoding of a URL.
func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// sshKey adds the files of a secret's key.
func (r *renderer) sshKey(c Credential, id string) error {
	key, err := r.place.key(c, "ssh-privatekey", false)
	if err != nil {
		return err
	}
	known, err := r.place.key(c, "known_hosts", true)
	if err != nil {
		return err
	}
	r.files = append(r.files, file{id, withNewline(key)})
	r.knownHosts.Write(withNewline(known))
	r.blind = r.blind || len(known) == 0
	return nil
}

// withNewline adds a final line break, without which ssh does not read a key.
func withNewline(text []byte) []byte {
	if len(text) == 0 || text[len(text)-1] == '\n' {
		return text
	}
	return append(slices.Clip(text), '\n')
}

// finish adds the files that several credentials share.
func (r *renderer) finish() []file {
	var config strings.Builder
	if r.hosts.Len() > 0 {
		config.WriteString("[credential]\n\thelper = store\n" + r.hosts.String())
		r.files = append(r.files, file{gitCredentials, []byte(r.credentials.String() + r.repositories.String())})
	}
	if r.ssh.Len() > 0 {
		config.WriteString("[core]\n\tsshCommand = " + r.sshCommand() + "\n" + r.rewrites.String())
		r.files = append(r.files, file{sshDir + "/config", []byte(r.ssh.String())})
	}
	if r.knownHosts.Len() > 0 {
		r.files = append(r.files, file{sshDir + "/known_hosts", []byte(r.knownHosts.String())})
	}
	if config.Len() > 0 {
		r.files = append(r.files, file{gitConfig, []byte(config.String())})
	}
	return r.files
}

// sshCommand returns the command with which git finds the keys for any user: ssh takes the home directory from /etc/passwd.
// Without known hosts, ssh accepts the first key of a host, because it has nothing to compare it with.
func (r *renderer) sshCommand() string {
	command := "ssh -F " + r.place.Dir + "/" + sshDir + "/config"
	if r.knownHosts.Len() > 0 {
		command += " -o UserKnownHostsFile=" + r.place.Dir + "/" + sshDir + "/known_hosts"
	}
	if r.blind {
		command += " -o StrictHostKeyChecking=accept-new"
	}
	return command
}

// auths is the part of a client's configuration with users and passwords, by registry.
type auths map[string]json.RawMessage

// dockerConfig adds the configuration of the registry clients, merged from all secrets. A user and a password for one
// registry take precedence over a complete configuration.
func (r *renderer) dockerConfig() error {
	if len(r.docker) == 0 {
		return nil
	}
	config, all := map[string]json.RawMessage{}, auths{}
	for _, kind := range []Kind{DockerConfig, DockerCfg, DockerBasic} {
		for _, c := range r.docker {
			if c.Kind != kind {
				continue
			}
			if err := r.addDocker(c, config, all); err != nil {
				return err
			}
		}
	}
	text, err := encode(config, all)
	if err != nil {
		return errEncode
	}
	r.files = append(r.files, file{dockerDir + "/config.json", text})
	return nil
}

// errEncode hides the encoder's error, which may quote its input.
var errEncode = errors.New("cannot encode the configuration of a registry's client")

func encode(config map[string]json.RawMessage, all auths) ([]byte, error) {
	users, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	config["auths"] = users
	return json.Marshal(config)
}

func (r *renderer) addDocker(c Credential, config map[string]json.RawMessage, all auths) error {
	switch c.Kind {
	case DockerConfig:
		whole := map[string]json.RawMessage{}
		if err := r.decode(c, ".dockerconfigjson", &whole); err != nil {
			return err
		}
		own := auths{}
		if raw, ok := whole["auths"]; ok && json.Unmarshal(raw, &own) != nil {
			return r.notJSON(c, ".dockerconfigjson")
		}
		delete(whole, "auths")
		missing(all, own)
		missing(config, whole)
	case DockerCfg:
		own := auths{}
		if err := r.decode(c, ".dockercfg", &own); err != nil {
			return err
		}
		missing(all, own)
	case DockerBasic, GitBasic, GitSSH:
		user, password, err := r.basic(c)
		if err != nil {
			return err
		}
		own, err := json.Marshal(map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(user + ":" + password))})
		if err != nil {
			return errEncode
		}
		all[c.URL] = own
	}
	return nil
}

// missing adds to a map the keys that it does not have: the first secret with a key takes precedence.
func missing[M ~map[string]json.RawMessage](into M, from M) {
	for key, value := range from {
		if _, ok := into[key]; !ok {
			into[key] = value
		}
	}
}

// decode parses a key of a secret as JSON. Its error hides that of the decoder, which quotes its input.
func (r *renderer) decode(c Credential, name string, into any) error {
	b, err := r.place.key(c, name, false)
	if err != nil {
		return err
	}
	if json.Unmarshal(b, into) != nil {
		return r.notJSON(c, name)
	}
	return nil
}

func (r *renderer) notJSON(c Credential, name string) error {
	return fmt.Errorf("cannot use secret %q of the service account: its key %q is not the configuration of a registry's client",
		c.Secret, name)
}
