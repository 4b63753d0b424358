// SPDX-License-Identifier: MIT
package millrace.peers;

/** What a job wants of an event; one object serves for all of them. */
public final class Event {
    public long time;
    public String type;
    /** Null where the job does not ask for users. */
    public String user;
    /** The rest is set where the job asks for purchases, and this is one. */
    public boolean isPurchase;
    public String currency;
    public long amount;
    /** Null where there is none. */
    public String product;
}
