// SPDX-License-Identifier: MIT
package millrace.peers.nexmark;

public final class Person {
    public long id;
    public String name;
    public String email;
    public String creditCard;
    public String city;
    public String state;
    public String extra;
}
