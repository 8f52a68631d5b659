/* SPDX-License-Identifier: MIT */
/*
 * The depot: a ring with a lock at each end, src/cache/depot.c. Two threads put batches, two get
 * them. A batch is two pages, moved one by one, and bears its number, in the order in which batches
 * come in: so a batch that goes out twice, late, mixed with another, or before it was written is
 * the wrong one. The glance at both counters before an end is locked is a hint, and left out: here
 * everybody tries whenever he likes.
 */
#define MAX 2 /* batches */
#define NR_PUTS 3 /* of one thread */
#define NR_GETS 3

typedef end {
	bool lock;
	byte at; /* slot of the next batch */
	byte nr; /* batches that ever passed here */
	byte other_nr /* the other end's, as last seen */
};

end put, get;
byte first[MAX], second[MAX]; /* pages of each slot */
byte nr_ended;

/* May this end go on? It may not where its distance from the other is the given one. */
inline may_pass(this, other, distance)
{
	if
	:: this.nr - this.other_nr == distance -> this.other_nr = other.nr
	:: else
	fi;
	may = (this.nr - this.other_nr != distance)
}

inline pass(this)
{
	this.at = (this.at + 1) % MAX;
	this.nr++;
	assert(put.nr - get.nr <= MAX && put.nr >= get.nr)
}

proctype putter()
{
	byte left = NR_PUTS, batch;
	bool may;

	do
	:: left == 0 -> break
	:: atomic { left > 0 && !put.lock -> put.lock = true };
		may_pass(put, get, MAX);
		if
		:: may ->
			batch = put.nr + 1;
#ifdef COUNTED_FIRST
			pass(put);
			first[(put.at + MAX - 1) % MAX] = batch;
			second[(put.at + MAX - 1) % MAX] = batch;
#else
			first[put.at] = batch;
			second[put.at] = batch;
			printf("putter %d: has written batch %d\n", _pid, batch);
			pass(put);
#endif
			printf("putter %d: has counted batch %d\n", _pid, batch);
			left--
		:: else
		fi;
		batch = 0;
		put.lock = false
	od;
	nr_ended++
}

proctype getter()
{
	byte left = NR_GETS, one, two, batch;
	bool may;

	do
	:: left == 0 -> break
	:: atomic { left > 0 && !get.lock -> get.lock = true };
		may_pass(get, put, 0);
		if
		:: may ->
			batch = get.nr + 1;
#ifdef FREED_FIRST
			pass(get);
			one = first[(get.at + MAX - 1) % MAX];
			two = second[(get.at + MAX - 1) % MAX];
#else
			one = first[get.at];
			two = second[get.at];
			pass(get);
#endif
			printf("getter %d: batch %d is %d and %d\n", _pid, batch, one, two);
			assert(one == batch && two == batch);
			left--
		:: else
		fi;
		batch = 0;
		one = 0;
		two = 0;
		get.lock = false
	od;
	nr_ended++
}

init {
	atomic {
		run putter();
		run putter();
		run getter();
		run getter()
	}
	nr_ended == 4;
	assert(put.nr == 2 * NR_PUTS && get.nr == put.nr)
}
