// SPDX-License-Identifier: MIT
package millrace.peers.nexmark;

public final class Auction {
    public long id;
    public String itemName;
    public String description;
    public long initialBid;
    public long reserve;
    public long expires;
    public long seller;
    public long category;
    public String extra;
}
