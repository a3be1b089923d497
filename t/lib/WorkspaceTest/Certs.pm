package WorkspaceTest::Certs;

# Authorities and certificates, made by openssl in a directory of their own.
#
#     my $certs = WorkspaceTest::Certs->new;
#
#     $certs->authority('ca');
#     $certs->issue('redis', by => 'ca', names => 'IP:127.0.0.1', days => 1);
#
#     $certs->file('redis.pem'), $certs->file('redis.key')

use strict;
use warnings;

use WorkspaceTest ();


sub new {
    my ($class) = @_;

    return bless { dir => WorkspaceTest::temp_dir() }, $class;
}


sub file { "$_[0]{dir}/$_[1]" }


sub openssl {
    my ($self, @args) = @_;

    system("cd $self->{dir} && openssl @args >openssl.log 2>&1") == 0
        or die "openssl @args, see $self->{dir}/openssl.log";
}


my $key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';


sub authority {
    my ($self, $name) = @_;

    $self->openssl("req -x509 $key -keyout $name.key -out $name.pem",
                   "-subj /CN=$name -days 10");
}


sub issue {
    my ($self, $name, %o) = @_;

    open my $out, '>', $self->file("$name.ext") or die $!;
    print $out "subjectAltName=$o{names}\n" if $o{names};
    close $out;

    $self->openssl("req $key -keyout $name.key -out $name.csr",
                   "-subj /CN=$name");
    $self->openssl("x509 -req -in $name.csr -CA $o{by}.pem -CAkey $o{by}.key",
                   '-CAcreateserial -days', $o{days} // 10,
                   "-extfile $name.ext -out $name.pem");
}


1;
