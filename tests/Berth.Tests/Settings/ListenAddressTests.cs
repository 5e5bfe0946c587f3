using Berth.Settings;

namespace Berth.Tests.Settings;

public class ListenAddressTests
{
    [Theory]
    [InlineData(":5000", "", 5000, false)]
    [InlineData("127.0.0.1:5000", "127.0.0.1", 5000, true)]
    [InlineData("127.9.9.9:1", "127.9.9.9", 1, true)]
    [InlineData("[::1]:5000", "::1", 5000, true)]
    [InlineData("[::]:5000", "::", 5000, false)]
    [InlineData("0.0.0.0:0", "0.0.0.0", 0, false)]
    [InlineData("localhost:65535", "localhost", 65535, true)]
    [InlineData("[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", 80, true)]
    public void An_address_says_whether_only_this_machine_reaches_it(string text, string host, int port, bool loopback)
    {
        Assert.True(ListenAddress.TryParse(text, out var address));
        Assert.Equal(new ListenAddress(host, port, loopback), address);
        Assert.Equal(text, address.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("5000")]
    [InlineData(":")]
    [InlineData(":65536")]
    [InlineData(":-1")]
    [InlineData("::1:5000")]
    [InlineData("[127.0.0.1]:5000")]
    [InlineData("[[::1]]:5000")]
    [InlineData("1:5000")]
    [InlineData("0x7f.1:5000")]
    [InlineData("registry.example.com:5000")]
    [InlineData("http://127.0.0.1:5000")]
    public void What_nobody_can_listen_on_is_refused(string? text) =>
        Assert.False(ListenAddress.TryParse(text, out _));
}
