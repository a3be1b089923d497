#!/usr/bin/env python3

"""When schedules fire, said by Python's zoneinfo, for test_schedule.c.

Nothing here parses a schedule: each one is given as text together with the
sets of minutes, hours and week days (0 is Sunday) that it means.  Every wall
time of these sets is looked up on its own, and the same instant counts once.

    S <from> <until> <schedule>      seconds since the epoch
    F <instant>                      one line a firing, from < instant <= until
"""

import datetime
import zoneinfo

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
SECOND = datetime.timedelta(seconds=1)

# northern, southern and half-hour daylight saving, in a year that the tables
# of zones cover and in one that only their rules know; then standard time that
# is daylight saving, a day that does not exist, and offsets that stay

YEARS = [
    ("America/New_York", 2026), ("America/New_York", 2100),
    ("Europe/Berlin", 2026), ("Europe/Berlin", 2100),
    ("Australia/Lord_Howe", 2026), ("Australia/Lord_Howe", 2100),
    ("Europe/Dublin", 2026), ("Pacific/Apia", 2011),
    ("Asia/Kathmandu", 2026), ("UTC", 2026),
]

EVERY_DAY = range(7)


def seconds(moment):
    return (moment - EPOCH) // SECOND


def gap_end(wall, zone):
    """The instant at which a clock jumps over a wall time."""

    one = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    two = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    low, high = sorted((seconds(one), seconds(two)))

    def shown(second):
        moment = EPOCH + second * SECOND
        return moment.astimezone(zone).replace(tzinfo=None)

    # before the jump the clock shows less than the wall time, after it more

    while shown(low) > wall:
        low -= 3600

    while shown(high) < wall:
        high += 3600

    while high - low > 1:
        middle = (low + high) // 2

        if shown(middle) < wall:
            low = middle
        else:
            high = middle

    return high


def instant(wall, zone):
    there = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)

    if there.astimezone(zone).replace(tzinfo=None) == wall:
        return seconds(there)

    return gap_end(wall, zone)


def emit(name, year, text, minutes, hours, days):
    zone = zoneinfo.ZoneInfo(name)
    start = seconds(datetime.datetime(year, 1, 1, tzinfo=UTC))
    until = seconds(datetime.datetime(year + 1, 1, 1, tzinfo=UTC))
    fires = set()
    day = datetime.datetime(year - 1, 12, 30)

    while day.year <= year or day.day < 3:

        if (day.weekday() + 1) % 7 in days:
            for hour in hours:
                for minute in minutes:
                    wall = day.replace(hour=hour, minute=minute)
                    fires.add(instant(wall, zone))

        day += datetime.timedelta(days=1)

    print("S", start, until, "CRON_TZ=%s %s" % (name, text))

    for second in sorted(fires):
        if start < second <= until:
            print("F", second)


def emit_year(name, year):
    for hour in range(24):
        for minute in (0, 30) if hour > 3 else (0, 1, 29, 30, 59):
            emit(name, year, "%d %d * * *" % (minute, hour), [minute], [hour],
                 EVERY_DAY)

    emit(name, year, "*/15 0-5,22,23 * * *", range(0, 60, 15),
         [0, 1, 2, 3, 4, 5, 22, 23], EVERY_DAY)
    emit(name, year, "20,40 1-3 * * *", [20, 40], [1, 2, 3], EVERY_DAY)
    emit(name, year, "30 2 * * SUN", [30], [2], [0])
    emit(name, year, "0 9 * * MON-FRI", [0], [9], range(1, 6))
    emit(name, year, "5/25 */6 * * 0,tue-Thu/2,6", [5, 30, 55],
         [0, 6, 12, 18], [0, 2, 4, 6])


for zone_and_year in YEARS:
    emit_year(*zone_and_year)
