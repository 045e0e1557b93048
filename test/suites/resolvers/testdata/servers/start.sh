# Makes the repositories, and starts the servers. The repository "open" can be read by all, and "closed" needs a password or a
# key. Their definitions say which repository they are from.
set -eu
git config --system --add safe.directory '*' # the user git reads repositories of root
export GIT_AUTHOR_NAME=forge GIT_AUTHOR_EMAIL=forge@example.com GIT_COMMITTER_NAME=forge GIT_COMMITTER_EMAIL=forge@example.com
mkdir -p /srv/git /srv/www /run/sshd
cp -rL /forge/files/. /srv/www/
for name in open closed; do
	git init --quiet --bare --initial-branch=main "/srv/git/$name.git"
	git -C "/srv/git/$name.git" config uploadpack.allowFilter true
	git init --quiet --initial-branch=main "/tmp/$name"
	for file in /forge/definitions/*.yaml; do
		sed "s/SOURCE/git $name/" "$file" >"/tmp/$name/${file##*/}"
	done
	git -C "/tmp/$name" add .
	git -C "/tmp/$name" commit --quiet -m 'Add definitions'
	git -C "/tmp/$name" push --quiet "/srv/git/$name.git" main
	# The API of a hosting service: the commit of a branch.
	api=/srv/www/api/v1/repos/team/$name
	mkdir -p "$api/git/commits"
	printf '{"sha":"%s","url":"https://example.com"}' "$(git -C "/tmp/$name" rev-parse HEAD)" >"$api/git/commits/main"
done

printf 'git:x:1000:1000::/srv/git:/bin/sh\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n' >>/etc/passwd
install -m 600 /forge/secrets/host-key /etc/ssh/host-key
install -m 644 /forge/secrets/authorized-keys /etc/ssh/authorized-keys
/usr/sbin/sshd -E /srv/ssh.log -f /forge/servers/sshd_config
sed "s/REGISTRY_HOST/$REGISTRY_HOST/; s/REGISTRY_PORT/$REGISTRY_PORT/" /forge/servers/lighttpd.conf >/srv/lighttpd.conf
exec /usr/sbin/lighttpd -D -f /srv/lighttpd.conf
