// SPDX-License-Identifier: GPL-2.0-only
#include "netns_find.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include "../bpf/tcs_wire.h"
#include "loader.h"
#include "netns_find.skel.h"

struct netns_find {
	struct netns_find_bpf *skel;
};

int netns_find_new(const char *btf_path, struct netns_find **ret)
{
	struct bpf_object_open_opts open_opts = loader_open(btf_path);
	struct netns_find *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	f->skel = netns_find_bpf__open_opts(&open_opts);
	err = f->skel ? netns_find_bpf__load(f->skel) : -errno;
	if (err) {
		netns_find_free(f);
		return err;
	}
	*ret = f;
	return 0;
}

void netns_find_free(struct netns_find *f)
{
	if (!f)
		return;
	netns_find_bpf__destroy(f->skel);
	free(f);
}

int netns_find(struct netns_find *f, uint64_t id, uint32_t inode, struct netns_found *ret)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct tcs_netns_find *find = &f->skel->bss->find;

	find->id = id;
	find->inode = inode;
	if (bpf_prog_test_run_opts(bpf_program__fd(f->skel->progs.tcs_netns_find), &opts))
		return -errno;
	*ret = (struct netns_found){
		.exists = find->exists || !find->complete,
		.id_of_inode = find->id_of_inode,
	};
	return 0;
}
